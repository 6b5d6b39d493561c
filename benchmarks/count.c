/* A plugin for QEMU's user-mode emulators: instructions executed between two marker instructions, one line a region, to the file of
   the option out=FILE. The interface is that of QEMU 5.2 to 8.1 (plugin API version 1), declared here as far as it is used. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
typedef void (*exec_callback)(unsigned cpu, void* data);
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info {
  const char* target_name;
};
enum { NO_REGISTERS = 0, ADD_U64 = 0 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* tb);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* tb, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* insn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* insn, exec_callback callback, int registers, void* data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn* insn, int operation, void* counter, uint64_t value);

EXPORT int qemu_plugin_version = 1;

static uint64_t executed, started;
static FILE* out;
static int wide;

static void start(unsigned cpu, void* data) {
  (void)cpu, (void)data;
  started = executed;
}

static void stop(unsigned cpu, void* data) {
  (void)cpu, (void)data;
  /* The start marker itself has been counted. */
  fprintf(out, "%llu\n", (unsigned long long)(executed - started - 1));
  fflush(out);
}

/* mov x27, x27 and mov x28, x28 on AArch64, mov r10, r10 and mov r11, r11 in Thumb or ARM code. */
static exec_callback marked(const struct qemu_plugin_insn* insn) {
  uint32_t word = 0;
  const size_t size = qemu_plugin_insn_size(insn);
  memcpy(&word, qemu_plugin_insn_data(insn), size < 4 ? size : 4);
  if (wide) return word == 0xaa1b03fbu ? start : word == 0xaa1c03fcu ? stop : NULL;
  if (size == 2) return word == 0x46d2 ? start : word == 0x46db ? stop : NULL;
  return word == 0xe1a0a00au ? start : word == 0xe1a0b00bu ? stop : NULL;
}

static void translated(plugin_id id, struct qemu_plugin_tb* tb) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); ++i) {
    struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(tb, i);
    const exec_callback callback = marked(insn);
    if (callback) qemu_plugin_register_vcpu_insn_exec_cb(insn, callback, NO_REGISTERS, NULL);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &executed, 1);
  }
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info* info, int argc, char** argv) {
  wide = strcmp(info->target_name, "aarch64") == 0;
  if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || !(out = fopen(argv[0] + 4, "w"))) return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
