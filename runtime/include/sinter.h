/* Sinter's C interface: load a plan, take contexts of it, run them.
 *
 * A model is immutable and may be shared between threads; a context belongs to one thread at a time. No function aborts the
 * process: each returns a status, and the text of the last failure is sinter_error() of the calling thread or
 * sinter_context_error(). */
#ifndef SINTER_H
#define SINTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SINTER_ABI_VERSION 1

#if defined(__GNUC__)
#define SINTER_API __attribute__((visibility("default")))
#else
#define SINTER_API
#endif

typedef enum sinter_status {
  SINTER_OK = 0,
  SINTER_BAD_PLAN = 1,     /* the plan is damaged, hostile or of a newer version */
  SINTER_BAD_ARGUMENT = 2, /* an argument of this call is wrong */
  SINTER_UNSUPPORTED = 3,  /* a well-formed plan that this build or processor cannot run */
  SINTER_BAD_VALUE = 4,    /* found while running: data that must be a valid index is not */
  SINTER_NO_MEMORY = 5,    /* not enough memory, or more asked for than the limit allows */
  SINTER_IO = 6,           /* the file cannot be read */
  SINTER_INTERNAL = 7,     /* a fault of Sinter's own */
  SINTER_WRONG_RESULT = 8  /* the self-test found an output that differs */
} sinter_status;

typedef enum sinter_dtype {
  SINTER_FLOAT32,
  SINTER_INT8,
  SINTER_UINT8,
  SINTER_INT16,
  SINTER_UINT16,
  SINTER_INT32,
  SINTER_UINT32,
  SINTER_INT64,
  SINTER_UINT64,
  SINTER_BOOL,
  SINTER_FLOAT16,
  SINTER_FLOAT64
} sinter_dtype;

typedef struct sinter_model sinter_model;
typedef struct sinter_context sinter_context;

/* Called with one line of zero-terminated text, from the thread that loads. */
typedef void (*sinter_log_function)(void* user, const char* text);

/* Zero-initialise, then set struct_size to sizeof(sinter_options). */
typedef struct sinter_options {
  size_t struct_size;
  const char* isa;       /* use no instruction set better than this row of isa.inc; NULL: whatever the processor has */
  uint64_t memory_limit; /* bytes that one context may take; 0: 4 GiB, or 3/4 of the machine where less */
  sinter_log_function log;
  void* log_user;
} sinter_options;

/* One input or output; its pointers live as long as the model. scale is 0 where the tensor is not quantised:
 * real = scale * (stored - zero_point). */
typedef struct sinter_tensor {
  const char* name;
  const int64_t* shape;
  uint64_t bytes;
  uint32_t rank;
  sinter_dtype dtype;
  float scale;
  int32_t zero_point;
} sinter_tensor;

/* The SINTER_ABI_VERSION that this library was built with. */
SINTER_API uint32_t sinter_abi_version(void);

/* What the last failed call of this thread found. Valid until the thread's next call. */
SINTER_API const char* sinter_error(void);

/* Loads a plan; options may be NULL. A mapped file's weights stay in the file: replace such a file, never rewrite it in place.
 * Borrowed bytes must start on a multiple of 64 and outlive the model and its contexts. */
SINTER_API sinter_status sinter_model_load_file(const char* path, const sinter_options* options, sinter_model** model);
SINTER_API sinter_status sinter_model_load_mapped(const char* path, const sinter_options* options, sinter_model** model);
SINTER_API sinter_status sinter_model_load_copy(const void* bytes, size_t size, const sinter_options* options,
                                                sinter_model** model);
SINTER_API sinter_status sinter_model_load_borrowed(const void* bytes, size_t size, const sinter_options* options,
                                                    sinter_model** model);

/* Releases the handle; the model itself lives until its last context is gone too. */
SINTER_API void sinter_model_free(sinter_model* model);

/* Entries are numbered from 0; most plans have one. sinter_model_entry sets *entry to the one of that name. */
SINTER_API size_t sinter_model_entries(const sinter_model* model);
SINTER_API sinter_status sinter_model_entry(const sinter_model* model, const char* name, size_t* entry);
SINTER_API size_t sinter_model_inputs(const sinter_model* model, size_t entry);
SINTER_API size_t sinter_model_outputs(const sinter_model* model, size_t entry);
SINTER_API sinter_status sinter_model_input(const sinter_model* model, size_t entry, size_t index, sinter_tensor* tensor);
SINTER_API sinter_status sinter_model_output(const sinter_model* model, size_t entry, size_t index, sinter_tensor* tensor);

/* Bytes of the constants, of a context's arena, and of the scratch that one worker takes. */
SINTER_API uint64_t sinter_model_weight_bytes(const sinter_model* model);
SINTER_API uint64_t sinter_model_arena_bytes(const sinter_model* model);
SINTER_API uint64_t sinter_model_scratch_bytes(const sinter_model* model);

/* Allocates everything that runs will use. threads counts the caller: 1 creates no thread. */
SINTER_API sinter_status sinter_context_create(const sinter_model* model, int threads, sinter_context** context);
SINTER_API void sinter_context_free(sinter_context* context);

/* Copies every input in, runs the entry's steps and copies every output out; sizes are those of the tensors. */
SINTER_API sinter_status sinter_run(sinter_context* context, size_t entry, const void* const* inputs, void* const* outputs);

/* Puts the state back to its initial values. */
SINTER_API void sinter_context_reset(sinter_context* context);

/* Runs the plan's golden examples in a new context and compares; *examples, unless NULL, becomes their number. */
SINTER_API sinter_status sinter_model_self_test(const sinter_model* model, int threads, size_t* examples);

/* What the last failed run of this context found. */
SINTER_API const char* sinter_context_error(const sinter_context* context);

#ifdef __cplusplus
}
#endif

#endif
