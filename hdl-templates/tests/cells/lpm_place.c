/* Reads prefixes, one a line: LENGTH SLOT DATA (hexadecimal), after a line with the number of data bytes; writes the boundaries likewise,
 * with - for no slot. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lpm_place_template.c"

int main(void)
{
    uint32_t bytes;
    size_t count = 0, room = 1 << 16;
    struct lpm_entry *prefixes = calloc(room, sizeof *prefixes);
    struct lpm_entry *out = calloc(2 * room, sizeof *out);
    char data[64];
    if (!prefixes || !out || scanf("%" SCNu32, &bytes) != 1)
        return 1;
    while (count < room && scanf("%" SCNu32 " %" SCNu32 " %63s", &prefixes[count].length, &prefixes[count].slot, data) == 3) {
        for (uint32_t i = 0; i < bytes; i++) {
            char digits[3] = { data[2 * i], data[2 * i + 1], 0 };
            prefixes[count].data[i] = (uint8_t)strtoul(digits, NULL, 16);
        }
        count++;
    }
    size_t placed = lpm_place(prefixes, count, bytes, out);
    for (size_t i = 0; i < placed; i++) {
        printf("%" PRIu32 " ", out[i].length);
        if (out[i].slot == LPM_NO_SLOT)
            printf("- ");
        else
            printf("%" PRIu32 " ", out[i].slot);
        for (uint32_t b = 0; b < bytes; b++)
            printf("%02x", out[i].data[b]);
        printf("\n");
    }
    free(prefixes);
    free(out);
    return 0;
}
