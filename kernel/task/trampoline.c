// SPDX-License-Identifier: MIT
/* The trampoline: two instructions that a signal handler returns to, and that call
 * rt_sigreturn(2).
 *
 * On riscv64 a program gives no such code with its handler (there is no SA_RESTORER), so the
 * kernel supplies it: one read-only, executable page, the same frame in every space, mapped as
 * an object of one page. */
#include "kernel/task/trampoline.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/syscall_nr.h"
#include "kernel/base/once.h"
#include "mm/frames.h"
#include "mm/map_object.h"
#include "mm/space.h"

#define INSTRUCTION_LI_A7(number) \
    (0x00000893u | (uint32_t)(number) << 20) /* addi a7, zero, number */
#define INSTRUCTION_ECALL 0x00000073u

static struct page *code_page; /* [once] */
static struct map_object object;
static struct once once = ONCE_INIT("trampoline", ONCE_RETRY);

static int get_page(struct map_object *of, uint64_t index, unsigned nr_around, struct page **page)
{
    (void)of;
    (void)nr_around;
    if (index != 0) {
        return -EFAULT;
    }
    page_get(code_page);
    *page = code_page;
    return 0;
}

static int refuse_write(struct map_object *of, struct page *page)
{
    (void)of;
    (void)page;
    return -EACCES;
}

static void unlock_nothing(struct page *page)
{
    (void)page;
}

static void hold_nothing(struct map_object *of)
{
    (void)of;
}

static const struct map_object_ops ops = {
    .get_page = get_page,
    .make_writable = refuse_write,
    .unlock_page = unlock_nothing,
    .get = hold_nothing,
    .put = hold_nothing,
};

static int make_page(void *arg)
{
    uint32_t *code;

    (void)arg;
    code_page = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);
    if (code_page == NULL) {
        return -ENOMEM;
    }
    code = page_address(code_page);
    code[0] = INSTRUCTION_LI_A7(NR_rt_sigreturn);
    code[1] = INSTRUCTION_ECALL;
    pagetable_sync_icache();
    map_object_init(&object, &ops);
    return 0;
}

int trampoline_map(struct space *space)
{
    struct space_map_request request = {
        .address = TRAMPOLINE_ADDRESS,
        .len_bytes = PAGE_SIZE,
        .flags = AREA_READ | AREA_EXEC,
        .is_fixed = true,
        .object = &object,
    };
    uint64_t address;
    int error = once_get(&once, make_page, NULL);

    return error != 0 ? error : space_map(space, &request, &address);
}
