// SPDX-License-Identifier: MIT
/* pie: proves that a static position-independent program starts where the kernel put it.
 *
 * It brings its own start-up, since not every C library has one for static PIE: the entry hands the
 * initial stack to start(), which applies the image's own relative relocations and then compares what
 * the auxiliary vector says with what the code sees. Exits with 42 when all is right. Until relocate() has run,
 * nothing may be used that needs a relocation.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined(__riscv)
enum { RELATIVE = R_RISCV_RELATIVE };
__asm__(".globl _start\n"
        "_start:\n"
        "    .option push\n    .option norelax\n    lla gp, __global_pointer$\n    .option pop\n"
        "    mv a0, sp\n"
        "    andi sp, sp, -16\n"
        "    call start\n");
#elif defined(__x86_64__)
enum { RELATIVE = R_X86_64_RELATIVE };
__asm__(".globl _start\n"
        "_start:\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call start\n");
#else
#error "pie.c knows riscv64 and x86-64"
#endif

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
extern const char _start[] __attribute__((visibility("hidden")));
_Noreturn void start(const uintptr_t *stack) __attribute__((visibility("hidden")));

static int answer = 42;
static int zeroed[1024];
static int *pointers[] = {&answer, &zeroed[7]}; /* right only after relocation */

_Noreturn static void leave(long code)
{
#if defined(__riscv)
    register long a0 __asm__("a0") = code;
    register long a7 __asm__("a7") = SYS_exit_group;
    __asm__ volatile("ecall" : : "r"(a0), "r"(a7) : "memory");
#else
    __asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(code) : "rcx", "r11", "memory");
#endif
    __builtin_unreachable();
}

static void relocate(uintptr_t base)
{
    uintptr_t table = 0;
    size_t size = 0;

    for (const Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_RELA)
            table = base + d->d_un.d_ptr;
        if (d->d_tag == DT_RELASZ)
            size = d->d_un.d_val;
    }
    const Elf64_Rela *rela = (const Elf64_Rela *)table;
    for (size_t i = 0; i < size / sizeof(*rela); i++) {
        if (ELF64_R_TYPE(rela[i].r_info) == RELATIVE)
            *(uintptr_t *)(base + rela[i].r_offset) = base + (uintptr_t)rela[i].r_addend;
    }
}

static uintptr_t aux_value(const uintptr_t *aux, uintptr_t type)
{
    while (aux[0] != AT_NULL && aux[0] != type)
        aux += 2;
    return aux[0] == type ? aux[1] : 0;
}

void start(const uintptr_t *stack)
{
    uintptr_t base = (uintptr_t)__ehdr_start;
    uintptr_t argc = stack[0];
    const uintptr_t *aux = stack + 1 + argc + 1; /* past argv: the environment */

    while (*aux)
        aux++;
    aux++;
    relocate(base);
    if ((uintptr_t)stack % 16 != 0 || argc != 2 || *(const char *)stack[2] != 'o')
        leave(1);
    if (*pointers[0] != 42 || *pointers[1] != 0 || pointers[1] != &zeroed[7])
        leave(2);
    if (aux_value(aux, AT_PHDR) != base + sizeof(Elf64_Ehdr))
        leave(3);
    if (aux_value(aux, AT_ENTRY) != (uintptr_t)_start)
        leave(4);
    if (base == 0 || base % 4096 != 0 || aux_value(aux, AT_BASE) != 0)
        leave(5);
    leave(answer);
}
