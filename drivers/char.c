// SPDX-License-Identifier: MIT
/* The registry of character devices, which devfs shows as nodes and opens look up by number. */
#include "drivers/char.h"

#include "kernel/abi/errno.h"
#include "kernel/sync/spinlock.h"

static struct spinlock registry_lock = SPINLOCK_INIT(LOCK_RANK_REGISTRY, "char_registry");
static struct list devices = LIST_INIT(devices); /* [registry_lock] */

int char_register(struct char_device *device)
{
    uint64_t irq = spin_lock_irqsave(&registry_lock);
    struct char_device *other;
    int error = 0;

    list_for_each (other, &devices, node) {
        if (other->dev_number == device->dev_number) {
            error = -EEXIST;
        }
    }
    if (error == 0) {
        list_push_back(&devices, &device->node);
    }
    spin_unlock_irqrestore(&registry_lock, irq);
    return error;
}

struct char_device *char_find_number(uint32_t dev_number)
{
    struct char_device *device;

    for (unsigned i = 0; (device = char_get(i)) != NULL; i++) {
        if (device->dev_number == dev_number) {
            break;
        }
    }
    return device;
}

struct char_device *char_get(unsigned index)
{
    uint64_t irq = spin_lock_irqsave(&registry_lock);
    struct char_device *device, *found = NULL;

    list_for_each (device, &devices, node) {
        if (index-- == 0) {
            found = device;
            break;
        }
    }
    spin_unlock_irqrestore(&registry_lock, irq);
    return found;
}

void poll_add(struct poll_request *request, struct waitq *queue)
{
    if (request != NULL && request->add != NULL) {
        request->add(request, queue);
    }
}
