// SPDX-License-Identifier: MIT
/* pie: proves that a static position-independent program starts: its relocations are applied, its
 * constructor has run, and its addresses are those that the kernel chose. Exits with 42 when all is right.
 */
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

static int constructed;
static int answer = 42;
static int *const relocated[] = {&answer, &constructed};
static __thread int per_thread = 7;

__attribute__((constructor)) static void construct(void)
{
    constructed = 1;
}

/* The program headers lie inside the image: the entry point must be as far from them as the file says. */
static int image_is_where_the_kernel_says(void)
{
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    unsigned long bias = 0, count = getauxval(AT_PHNUM), entry = getauxval(AT_ENTRY);

    for (unsigned long i = 0; i < count; i++) {
        if (ph[i].p_type == PT_PHDR)
            bias = (unsigned long)ph - ph[i].p_vaddr;
    }
    for (unsigned long i = 0; i < count; i++) {
        if (ph[i].p_type != PT_LOAD || !(ph[i].p_flags & PF_X))
            continue;
        unsigned long low = ph[i].p_vaddr + bias;
        if (entry >= low && entry < low + ph[i].p_memsz)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[1], "one") != 0)
        return 1;
    if (!constructed || *relocated[0] != 42 || *relocated[1] != 1 || per_thread != 7)
        return 2;
    if (!image_is_where_the_kernel_says())
        return 3;
    if (getauxval(AT_BASE) != 0)
        return 4;
    return answer;
}
