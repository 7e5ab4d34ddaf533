# SPDX-License-Identifier: MIT
"""GDB commands that read the allocators' structures: what is at an address, and who has it.

    cairn page ADDRESS         the frame of an address: kind, order, references, and its kind's own
    cairn slab-owner ADDRESS   the object at an address: cache, first byte, live or free, who took it
    cairn buddy                free blocks of each region by type and order, and the hot lists
    cairn slabs                every cache in use, with its slabs and objects

The address is a pointer, a physical address, or the address of a `struct page`; any expression of
GDB will do. Nothing runs in the kernel: it may stand anywhere, with any lock held, and what is
shown may be in the middle of a change.
"""

import gdb

PAGE_SHIFT = 12
DIRECT_MAP = 0xffffffc000000000
DIRECT_MAP_BYTES = 1 << 37
WORD = (1 << 64) - 1
REDZONE_BYTES = 16  # of mm/debug/slab_debug.c: between an object's record and the next object


def number(value):
    """Of an integer, an atomic one too, or a pointer."""
    return int(value.cast(gdb.lookup_type("unsigned long"))) & WORD


def evaluate(text):
    return gdb.parse_and_eval(text)


def at(address, type_name):
    return evaluate(f"*({type_name} *){address:#x}")


def symbol(address):
    """function+0x12, as in the kernel's log."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).split(" in section")[0].strip()
    if text.startswith("No symbol"):
        return f"{address:#x}"
    name, _, offset = text.partition(" + ")
    return f"{name}+{int(offset or 0):#x}"


def enum_name(type_name, value):
    return next((field.name for field in gdb.lookup_type(type_name).fields() if field.enumval == value), f"{value} (unknown)")


def flag_names(type_name, value):
    names = [field.name for field in gdb.lookup_type(type_name).fields() if field.enumval & value]
    return " ".join(names) or "none"


# ---- Frames --------------------------------------------------------------------------------------


def regions():
    table = evaluate("frame_regions")
    return [table[i] for i in range(number(evaluate("nr_frame_regions")))]


class Frame:
    """The frame that an address lies in: .page is its struct page, .address that of the frame in the direct map."""

    def __init__(self, address):
        for region in regions():
            pages, size = number(region["pages"]), gdb.lookup_type("struct page").sizeof
            first, count = number(region["first_frame"]), number(region["nr_frames"])
            if pages <= address < pages + count * size:
                index = (address - pages) // size
            else:
                physical = address - DIRECT_MAP if DIRECT_MAP <= address < DIRECT_MAP + DIRECT_MAP_BYTES else address
                index = (physical >> PAGE_SHIFT) - first
            if 0 <= index < count:
                self.page = at(pages + index * size, "struct page")
                self.page_address, self.physical = pages + index * size, (first + index) << PAGE_SHIFT
                self.address = self.physical + DIRECT_MAP
                self.kind = enum_name("enum page_kind", number(self.page["kind"]))
                return
        raise gdb.GdbError(f"{address:#x} lies in no frame of memory that the allocator knows")


def show_owner(what, owner):
    """A line like the kernel's: "allocated 1.204 s ago on hart 1 by inode_get+0x32 < ext_lookup+0x200"."""
    when = number(owner["when_and_hart"])
    if when == 0:
        return
    base = number(evaluate("&owner_record"))
    calls = [base + int(owner["calls"][i]) for i in range(owner["calls"].type.range()[1] + 1) if int(owner["calls"][i])]
    chain = " < ".join(symbol(call) for call in calls) or "nobody known"
    gdb.write(f"  {what} {(when >> 8) / 1e9:.3f} s after the boot, on hart {when & 0x7f}, by {chain}\n")


def show_page(address):
    frame = Frame(address)
    page, order = frame.page, number(frame.page["order"])
    gdb.write(f"frame {frame.physical:#x}, page {frame.page_address:#x}, at {frame.address:#x}\n"
              f"  {frame.kind}, order {order & 0x3f}{', free block' if order & 0x80 else ''}{', movable' if order & 0x40 else ''}, "
              f"{number(page['refs'])} references, flags: {flag_names('enum page_flag', number(page['flags']))}\n")
    if frame.kind in ("PAGE_FREE", "PAGE_HOT", "PAGE_TAIL"):
        freed_by = number(page["free"]["freed_by"])
        gdb.write(f"  last freed by {symbol(freed_by)}\n" if frame.kind != "PAGE_TAIL" and freed_by else "")
    elif frame.kind == "PAGE_SLAB":
        head = page["slab"]["head"]
        gdb.write(f"  slab of {page['slab']['cache']['name'].string()}: {number(head['slab']['nr_used'])} of "
                  f"{number(head['slab']['nr_objects'])} objects with callers or in magazines\n")
    elif frame.kind == "PAGE_CACHE":
        gdb.write(f"  page {number(page['cache']['index'])} of mapping {number(page['cache']['mapping']):#x}, in {number(page['maps'])} page tables\n")
    elif frame.kind == "PAGE_ANON":
        gdb.write(f"  page {number(page['anon']['index'])} of family {number(page['anon']['family']):#x}\n")
    elif frame.kind == "PAGE_LARGE":
        gdb.write(f"  kmalloc: {number(page['large']['nr_frames'])} frames\n")
        show_owner("allocated", page["large"]["owner"])


def show_buddy():
    types = [field.name for field in gdb.lookup_type("enum frame_type").fields() if field.name != "FRAMES_NR_TYPES"]
    free = 0
    for index, region in enumerate(regions()):
        first, count = number(region["first_frame"]), number(region["nr_frames"])
        gdb.write(f"region {index}: frames {first:#x} to {first + count - 1:#x}, {number(region['nr_managed'])} managed\n")
        orders = region["nr_blocks"][0].type.range()[1] + 1
        gdb.write(f"  {'order':16}" + "".join(f"{order:6}" for order in range(orders)) + "\n")
        for kind, name in enumerate(types):
            blocks = [number(region["nr_blocks"][kind][order]) for order in range(orders)]
            free += sum(nr << order for order, nr in enumerate(blocks))
            gdb.write(f"  {name:16}" + "".join(f"{nr:6}" for nr in blocks) + "\n")
    hot = evaluate("hot_lists")
    counts = [number(hot[hart][kind]["nr"]) for hart in range(hot.type.range()[1] + 1)
              for kind in range(hot[hart].type.range()[1] + 1)]
    gdb.write(f"{free} frames free in blocks, {sum(counts)} in hot lists, {free + sum(counts)} in all\n")


# ---- Objects -------------------------------------------------------------------------------------


def caches():
    head = evaluate("'mm/slab_registry.c'::caches")
    offset = next(field.bitpos // 8 for field in gdb.lookup_type("struct slab_cache").fields() if field.name == "all")
    node = number(head["next"])
    while node != number(head.address):
        cache = at(node - offset, "struct slab_cache")
        yield cache
        node = number(cache["all"]["next"])


def pointers(first, count):
    return [number(at(first + 8 * i, "unsigned long")) for i in range(count)]


def magazines(cache):
    """What rests in magazines, and where: {object: "the loaded magazine of hart 0"}."""
    found = {}
    for hart in range(cache["harts"].type.range()[1] + 1):
        own = cache["harts"][hart]
        for rounds, which in (own["loaded"], "loaded"), (own["previous"], "other"):
            bottom, top = number(rounds["bottom"]), number(rounds["top"])
            found.update((value, f"the {which} magazine of hart {hart}") for value in pointers(bottom, (top - bottom) // 8))
    rings = [cache["full"]] + ([cache["annex"]["full"]] if number(cache["annex"]) else [])
    for full in rings:
        for position in range(number(full["pop_position"]), number(full["push_position"])):
            magazine = full["cells"][position & number(full["mask"])]["value"].cast(gdb.lookup_type("struct magazine").pointer())
            found.update((value, "a full magazine of the depot") for value in pointers(number(magazine["objects"].address), number(magazine["nr_max"])))
    return found


def is_free_in_slab(slab, index):
    if number(slab["nr_objects"]) <= 64:
        return bool(number(slab["free_bits"]) >> index & 1)
    return bool(number(slab["free_map"][index // 64]) >> index % 64 & 1)


def show_object(address):
    frame = Frame(address)
    if frame.kind != "PAGE_SLAB":
        raise gdb.GdbError(f"{address:#x} lies in no slab: its frame is {frame.kind}")
    cache, head = frame.page["slab"]["cache"].dereference(), frame.page["slab"]["head"]
    slab, stride, size = head["slab"], number(cache["stride_bytes"]), number(cache["size_bytes"])
    first = Frame(number(head)).address + number(slab["colour_bytes"])
    index, offset = divmod(address - first, stride)
    name = cache["name"].string()
    if not 0 <= index < number(slab["nr_objects"]):
        raise gdb.GdbError(f"{address:#x} lies in a slab of {name}, but in none of its objects")
    start = first + index * stride
    where = magazines(cache).get(start)
    is_free = is_free_in_slab(slab, index)
    state = "free, in its slab" if is_free else f"free, in {where}" if where else "live"
    beyond = "" if offset < size else f" (behind it: the object has {size})"
    gdb.write(f"{name}: object {start:#x}, {size} bytes, {state}; the address is byte {offset}{beyond}\n")
    if number(cache["flags"]) & number(evaluate("SLAB_DEBUG_ANY")):
        record = at(start + stride - REDZONE_BYTES - gdb.lookup_type("struct record").sizeof, "struct record")
        show_owner("allocated", record["allocated"])
        show_owner("last freed", record["freed"])
    else:
        gdb.write("  who took it is not recorded: boot with slab_debug=U\n")


def show_slabs():
    gdb.write(f"{'cache':20}{'size':>7}{'live':>9}{'resting':>9}{'objects':>9}{'slabs':>7}{'order':>7}\n")
    for cache in caches():
        resting = len(magazines(cache))
        gdb.write(f"{cache['name'].string():20}{number(cache['size_bytes']):7}{number(cache['nr_taken']) - resting:9}{resting:9}"
                  f"{number(cache['nr_objects']):9}{number(cache['nr_slabs']):7}{number(cache['slab_order']):7}\n")


# ---- The commands --------------------------------------------------------------------------------


class Group(gdb.Command):
    """cairn: commands that read the kernel's structures; `help cairn` lists them."""

    def __init__(self):
        super().__init__("cairn", gdb.COMMAND_DATA, prefix=True)


class Shower(gdb.Command):
    """One of them; its text comes from `about`."""

    def __init__(self, name, about, show, wants_address):
        self.__doc__ = f"cairn {name}{' ADDRESS' if wants_address else ''}: {about}"
        super().__init__(f"cairn {name}", gdb.COMMAND_DATA)
        self.name, self.show, self.wants_address = name, show, wants_address

    def invoke(self, argument, from_tty):
        if self.wants_address != bool(argument.strip()):
            raise gdb.GdbError(f"cairn {self.name} wants {'an address' if self.wants_address else 'no argument'}")
        if self.wants_address:
            self.show(number(evaluate(argument)))
        else:
            self.show()


Group()
Shower("page", "the frame of an address, and what it is used for.", show_page, True)
Shower("slab-owner", "the object at an address: its cache, live or free, and who took it.", show_object, True)
Shower("buddy", "free blocks by region, type and order.", show_buddy, False)
Shower("slabs", "all caches that are in use.", show_slabs, False)
