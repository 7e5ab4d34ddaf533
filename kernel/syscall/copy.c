// SPDX-License-Identifier: MIT
/* Path names from user memory: every call that takes a name copies it once, whole, before
 * anything looks at it. */
#include "kernel/syscall/copy.h"
#include "mm/slab.h"

#define NAME_BUFFER_SIZE 4096

struct name_buffer {
    char text[NAME_BUFFER_SIZE];
};

SLAB_CACHE(name_cache, struct name_buffer, NULL);

int name_from_user(uint64_t src, char **name)
{
    struct name_buffer *buffer = slab_alloc(&name_cache, ALLOC_KERNEL);
    ssize_t len;

    if (buffer == NULL) {
        return -ENOMEM;
    }
    len = port_string_from_user(buffer->text, user_ptr(src), sizeof(buffer->text));
    if (len < 0) {
        slab_free(&name_cache, buffer);
        return (int)len;
    }
    *name = buffer->text;
    return 0;
}

void name_put(char *name)
{
    slab_free(&name_cache, name);
}
