/* The program's own declarations beside the driver's: the same bytes must mean the same. */
#include "typed_host.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct flow {
    int32_t integer;
    uint8_t dscp : 6;
    uint8_t ecn : 2;
    int32_t delta : 13;
    uint32_t : 3;
    uint32_t top : 8;
    union {
        uint64_t word;
        int16_t half;
    } u;
    char name[2][3];
    uint8_t padding;
};

struct packed {
    uint8_t kind;
    uint64_t count;
    uint8_t tail[4];
} __attribute__((packed));

static int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
            failures++; \
        } \
    } while (0)

/* A device that keeps what is written to VALUE, and answers each request at once. */
static uint8_t window[64];

static int read_window(void *context, uint32_t address, uint32_t *data)
{
    (void)context;
    *data = 0;
    if (address >= TYPED_REG_VALUE)
        memcpy(data, &window[address - TYPED_REG_VALUE], 4);
    return 0;
}

static int write_window(void *context, uint32_t address, uint32_t data)
{
    (void)context;
    if (address >= TYPED_REG_VALUE)
        memcpy(&window[address - TYPED_REG_VALUE], &data, 4);
    return 0;
}

static void check_flow(void)
{
    struct flow ours;
    typed_flows_value_t theirs;
    memset(&ours, 0, sizeof ours);
    memset(&theirs, 0, sizeof theirs);
    CHECK(sizeof ours == sizeof theirs);
    ours.integer = -5;
    ours.dscp = 46;
    ours.ecn = 2;
    ours.delta = -1234;
    ours.top = 200;
    ours.u.word = UINT64_C(0x1122334455667788);
    ours.name[1][2] = 'x';
    ours.padding = 9;
    theirs.int_2 = -5;
    typed_flow_set_dscp(&theirs, 46);
    typed_flow_set_ecn(&theirs, 2);
    typed_flow_set_delta(&theirs, -1234);
    typed_flow_set_top(&theirs, 200);
    theirs.anonymous.word = UINT64_C(0x1122334455667788);
    theirs.name[1][2] = 'x';
    theirs.padding = 9;
    CHECK(!memcmp(&ours, &theirs, sizeof ours));
    CHECK(typed_flow_get_dscp(&theirs) == 46 && typed_flow_get_ecn(&theirs) == 2 && typed_flow_get_top(&theirs) == 200);
    CHECK(typed_flow_get_delta(&theirs) == -1234);
    CHECK(theirs.anonymous.half == ours.u.half);
    typed_flow_set_delta(&theirs, 77);
    CHECK(typed_flow_get_delta(&theirs) == 77 && typed_flow_get_ecn(&theirs) == 2 && typed_flow_get_top(&theirs) == 200);
}

static void check_packed(void)
{
    struct packed ours = { 1, UINT64_C(0x8877665544332211), { 1, 2, 3, 4 } };
    typed_pairs_value_t theirs;
    memcpy(&theirs, &ours, sizeof ours);
    CHECK(sizeof ours == sizeof theirs);
    CHECK(offsetof(typed_pairs_value_t, count) == 1 && offsetof(typed_pairs_value_t, tail) == 9);
    CHECK(theirs.kind == 1 && !memcmp(theirs.count, (const uint8_t *)&ours + 1, 8) && theirs.tail[3] == 4);
}

/* What is not the host's is zero on both ways, and everything else arrives. */
static void check_hidden(void)
{
    static struct typed_device device;
    typed_pairs_key_t key = 3;
    typed_pairs_value_t value;
    uint8_t bytes[13];
    device.read32 = read_window;
    device.write32 = write_window;
    device.poll_limit = 1;
    for (unsigned i = 0; i < 13; i++)
        bytes[i] = (uint8_t)(i + 1);
    memcpy(&value, bytes, 13);
    CHECK(typed_pairs_update(&device, &key, &value, 0) == 0);
    for (unsigned i = 0; i < 13; i++)
        CHECK(window[i] == ((i >= 4 && i < 7) || i == 12 ? 0 : i + 1));
    memset(window, 0xff, sizeof window);
    CHECK(typed_pairs_lookup(&device, &key, &value) == 0);
    memcpy(bytes, &value, 13);
    for (unsigned i = 0; i < 13; i++)
        CHECK(bytes[i] == ((i >= 4 && i < 7) || i == 12 ? 0 : 0xff));
}

int main(void)
{
    check_flow();
    check_packed();
    check_hidden();
    return failures != 0;
}
