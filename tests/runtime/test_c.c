/* sinter.h as a C program sees it. */
#include <string.h>

#include "runtime/include/sinter.h"

int main(void) {
  sinter_model* model = NULL;
  sinter_options options;
  memset(&options, 0, sizeof(options));
  options.struct_size = sizeof(options);
  if (sinter_abi_version() != SINTER_ABI_VERSION) return 1;
  if (sinter_model_load_copy("no plan", 7, &options, &model) != SINTER_BAD_PLAN || model != NULL) return 2;
  if (strstr(sinter_error(), "7 bytes") == NULL) return 3;
  sinter_model_free(model);
  return 0;
}
