/* Placement of the prefixes of an LPM map: C99, needs <stddef.h>, <stdint.h> and <string.h>, allocates nothing. */

/* A prefix with the slot of its value, or a boundary: a place in the order of all keys with the slot that keys from there on find. */
struct lpm_entry {
    uint32_t length;
    uint8_t data[16]; /* as in the key */
    uint32_t slot;
};

/* Slot of a boundary from which on nothing matches. */
#define LPM_NO_SLOT UINT32_MAX

/* Order of two keys: by data, then by length. */
static int lpm_compare(const struct lpm_entry *a, const struct lpm_entry *b, uint32_t data_bytes)
{
    int order = memcmp(a->data, b->data, data_bytes);
    if (order == 0)
        order = (a->length > b->length) - (a->length < b->length);
    return order;
}

/* Sets the bits behind the prefix to `ones` (0 or 255). */
static void lpm_fill(uint8_t *data, uint32_t length, uint32_t data_bytes, uint8_t ones)
{
    uint32_t byte = length / 8;
    if (byte < data_bytes && length % 8) {
        uint8_t behind = (uint8_t)(0xff >> length % 8);
        data[byte] = (uint8_t)((data[byte] & ~behind) | (ones & behind));
        byte++;
    }
    if (byte < data_bytes)
        memset(data + byte, ones, data_bytes - byte);
}

/* Restores the heap order below `at`. */
static void lpm_sift(struct lpm_entry *heap, size_t at, size_t count, uint32_t data_bytes)
{
    struct lpm_entry moved = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && lpm_compare(&heap[child], &heap[child + 1], data_bytes) < 0)
            child++;
        if (lpm_compare(&moved, &heap[child], data_bytes) >= 0)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void lpm_sort(struct lpm_entry *entries, size_t count, uint32_t data_bytes)
{
    for (size_t at = count / 2; at-- > 0;)
        lpm_sift(entries, at, count, data_bytes);
    for (size_t last = count; last-- > 1;) {
        struct lpm_entry greatest = entries[0];
        entries[0] = entries[last];
        entries[last] = greatest;
        lpm_sift(entries, 0, last, data_bytes);
    }
}

/* Appends a boundary, in place of the last one if that is at the same key; returns how many there are. */
static size_t lpm_put(struct lpm_entry *out, size_t count, const struct lpm_entry *boundary, uint32_t data_bytes)
{
    if (count && lpm_compare(&out[count - 1], boundary, data_bytes) == 0)
        count--;
    out[count] = *boundary;
    return count + 1;
}

/* Ends the `*depth` prefixes in `open`, innermost first, whose last key is before the data `until`, or all if that is NULL. */
static size_t lpm_close(struct lpm_entry *open, size_t *depth, const uint8_t *until, struct lpm_entry *out, size_t count,
                        uint32_t data_bytes)
{
    while (*depth) {
        struct lpm_entry end = open[*depth - 1];
        uint32_t byte = data_bytes;
        lpm_fill(end.data, end.length, data_bytes, 255);
        if (until && memcmp(until, end.data, data_bytes) <= 0)
            break;
        --*depth;
        /* The key behind it, if there is one. */
        while (byte > 0 && end.data[byte - 1] == 255)
            end.data[--byte] = 0;
        if (byte > 0) {
            end.data[byte - 1]++;
            end.length = 0;
            end.slot = *depth ? open[*depth - 1].slot : LPM_NO_SLOT;
            count = lpm_put(out, count, &end, data_bytes);
        }
    }
    return count;
}

/*
 * Turns `count` prefixes of keys with 1 to 16 bytes of data into boundaries, in the order of their positions, and returns how many these
 * are: at most 2 * count, for which `out` must have room. The prefixes must differ (bits behind a prefix do not count) and be no
 * longer than the data; they are sorted, and bits behind them cleared.
 */
static size_t lpm_place(struct lpm_entry *prefixes, size_t count, uint32_t data_bytes, struct lpm_entry *out)
{
    struct lpm_entry open[129]; /* prefixes that match here, each within the one before */
    size_t depth = 0, placed = 0;
    for (size_t i = 0; i < count; i++)
        lpm_fill(prefixes[i].data, prefixes[i].length, data_bytes, 0);
    lpm_sort(prefixes, count, data_bytes);
    for (size_t i = 0; i < count; i++) {
        placed = lpm_close(open, &depth, prefixes[i].data, out, placed, data_bytes);
        open[depth++] = prefixes[i];
        placed = lpm_put(out, placed, &prefixes[i], data_bytes);
    }
    return lpm_close(open, &depth, NULL, out, placed, data_bytes);
}
