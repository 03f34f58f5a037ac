// A big switch, each case with work and map accesses of its own. Made by a script; 250 cases.
#include "stress.h"

SEC("xdp")
int cases(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end;
    __u8 *p = (void *)(long)ctx->data;
    if ((void *)(p + 60) > end)
        return XDP_DROP;
    __u32 x = p[0], y = p[1], key = 0;
    __u64 *n;
    switch (p[12] << 8 | p[13]) {
    case 0:
        x = x * 973 + p[11];
        if (x & 64)
            y ^= p[43] + 42445;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[5] = y;
        break;
    case 163:
        x = x * 843 + p[36];
        if (x & 2)
            y ^= p[25] + 9494;
        p[39] = y;
        break;
    case 326:
        x = x * 934 + p[34];
        if (x & 8)
            y ^= p[4] + 7602;
        p[7] = y;
        break;
    case 489:
        x = x * 431 + p[6];
        if (x & 8)
            y ^= p[7] + 56838;
        p[37] = y;
        break;
    case 652:
        x = x * 63 + p[54];
        if (x & 512)
            y ^= p[9] + 55642;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[16] = y;
        break;
    case 815:
        x = x * 593 + p[39];
        if (x & 64)
            y ^= p[5] + 8108;
        p[16] = y;
        break;
    case 978:
        x = x * 573 + p[56];
        if (x & 4)
            y ^= p[20] + 6105;
        p[28] = y;
        break;
    case 1141:
        x = x * 556 + p[9];
        if (x & 512)
            y ^= p[21] + 18907;
        p[37] = y;
        break;
    case 1304:
        x = x * 108 + p[39];
        if (x & 512)
            y ^= p[42] + 23688;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[14] = y;
        break;
    case 1467:
        x = x * 102 + p[37];
        if (x & 2048)
            y ^= p[6] + 48810;
        p[38] = y;
        break;
    case 1630:
        x = x * 636 + p[15];
        if (x & 128)
            y ^= p[45] + 7812;
        p[36] = y;
        break;
    case 1793:
        x = x * 798 + p[22];
        if (x & 128)
            y ^= p[39] + 56045;
        p[31] = y;
        break;
    case 1956:
        x = x * 309 + p[17];
        if (x & 4)
            y ^= p[46] + 47393;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[51] = y;
        break;
    case 2119:
        x = x * 86 + p[38];
        if (x & 16)
            y ^= p[35] + 31994;
        p[33] = y;
        break;
    case 2282:
        x = x * 749 + p[30];
        if (x & 16)
            y ^= p[40] + 45020;
        p[6] = y;
        break;
    case 2445:
        x = x * 527 + p[28];
        if (x & 4)
            y ^= p[50] + 15475;
        p[23] = y;
        break;
    case 2608:
        x = x * 958 + p[33];
        if (x & 64)
            y ^= p[4] + 19920;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[44] = y;
        break;
    case 2771:
        x = x * 785 + p[37];
        if (x & 512)
            y ^= p[52] + 10173;
        p[58] = y;
        break;
    case 2934:
        x = x * 351 + p[46];
        if (x & 32)
            y ^= p[40] + 41123;
        p[33] = y;
        break;
    case 3097:
        x = x * 73 + p[55];
        if (x & 2)
            y ^= p[19] + 59795;
        p[32] = y;
        break;
    case 3260:
        x = x * 65 + p[48];
        if (x & 2048)
            y ^= p[21] + 8519;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[43] = y;
        break;
    case 3423:
        x = x * 294 + p[47];
        if (x & 64)
            y ^= p[58] + 58411;
        p[44] = y;
        break;
    case 3586:
        x = x * 26 + p[31];
        if (x & 32)
            y ^= p[12] + 45482;
        p[41] = y;
        break;
    case 3749:
        x = x * 508 + p[5];
        if (x & 8)
            y ^= p[51] + 15347;
        p[20] = y;
        break;
    case 3912:
        x = x * 759 + p[17];
        if (x & 64)
            y ^= p[27] + 16952;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[57] = y;
        break;
    case 4075:
        x = x * 85 + p[12];
        if (x & 128)
            y ^= p[27] + 65078;
        p[37] = y;
        break;
    case 4238:
        x = x * 907 + p[10];
        if (x & 64)
            y ^= p[57] + 36416;
        p[37] = y;
        break;
    case 4401:
        x = x * 726 + p[28];
        if (x & 32)
            y ^= p[45] + 36493;
        p[58] = y;
        break;
    case 4564:
        x = x * 983 + p[16];
        if (x & 4)
            y ^= p[7] + 49865;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[13] = y;
        break;
    case 4727:
        x = x * 240 + p[44];
        if (x & 8)
            y ^= p[2] + 19830;
        p[33] = y;
        break;
    case 4890:
        x = x * 272 + p[20];
        if (x & 1)
            y ^= p[11] + 23900;
        p[28] = y;
        break;
    case 5053:
        x = x * 627 + p[38];
        if (x & 32)
            y ^= p[10] + 48398;
        p[46] = y;
        break;
    case 5216:
        x = x * 470 + p[59];
        if (x & 1024)
            y ^= p[53] + 7076;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[37] = y;
        break;
    case 5379:
        x = x * 410 + p[27];
        if (x & 64)
            y ^= p[8] + 51429;
        p[32] = y;
        break;
    case 5542:
        x = x * 66 + p[14];
        if (x & 2)
            y ^= p[15] + 52486;
        p[30] = y;
        break;
    case 5705:
        x = x * 115 + p[23];
        if (x & 512)
            y ^= p[5] + 21273;
        p[8] = y;
        break;
    case 5868:
        x = x * 583 + p[11];
        if (x & 256)
            y ^= p[8] + 30;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[25] = y;
        break;
    case 6031:
        x = x * 75 + p[57];
        if (x & 8)
            y ^= p[41] + 3342;
        p[26] = y;
        break;
    case 6194:
        x = x * 652 + p[18];
        if (x & 32)
            y ^= p[40] + 19470;
        p[25] = y;
        break;
    case 6357:
        x = x * 128 + p[9];
        if (x & 128)
            y ^= p[31] + 62147;
        p[32] = y;
        break;
    case 6520:
        x = x * 322 + p[7];
        if (x & 4)
            y ^= p[8] + 63417;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[49] = y;
        break;
    case 6683:
        x = x * 761 + p[18];
        if (x & 128)
            y ^= p[55] + 44909;
        p[46] = y;
        break;
    case 6846:
        x = x * 531 + p[3];
        if (x & 8)
            y ^= p[35] + 21160;
        p[25] = y;
        break;
    case 7009:
        x = x * 709 + p[36];
        if (x & 1)
            y ^= p[50] + 19215;
        p[35] = y;
        break;
    case 7172:
        x = x * 661 + p[57];
        if (x & 2)
            y ^= p[46] + 39071;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[56] = y;
        break;
    case 7335:
        x = x * 533 + p[25];
        if (x & 4)
            y ^= p[24] + 34224;
        p[51] = y;
        break;
    case 7498:
        x = x * 548 + p[36];
        if (x & 256)
            y ^= p[23] + 29201;
        p[42] = y;
        break;
    case 7661:
        x = x * 630 + p[53];
        if (x & 8)
            y ^= p[53] + 29234;
        p[17] = y;
        break;
    case 7824:
        x = x * 760 + p[53];
        if (x & 8)
            y ^= p[14] + 52518;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[35] = y;
        break;
    case 7987:
        x = x * 367 + p[48];
        if (x & 1)
            y ^= p[3] + 64589;
        p[52] = y;
        break;
    case 8150:
        x = x * 486 + p[18];
        if (x & 8)
            y ^= p[46] + 36623;
        p[40] = y;
        break;
    case 8313:
        x = x * 460 + p[53];
        if (x & 2048)
            y ^= p[24] + 45125;
        p[25] = y;
        break;
    case 8476:
        x = x * 228 + p[8];
        if (x & 8)
            y ^= p[32] + 10556;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[14] = y;
        break;
    case 8639:
        x = x * 212 + p[32];
        if (x & 512)
            y ^= p[59] + 44267;
        p[41] = y;
        break;
    case 8802:
        x = x * 493 + p[43];
        if (x & 32)
            y ^= p[53] + 250;
        p[43] = y;
        break;
    case 8965:
        x = x * 857 + p[44];
        if (x & 2)
            y ^= p[26] + 11112;
        p[52] = y;
        break;
    case 9128:
        x = x * 492 + p[58];
        if (x & 4)
            y ^= p[29] + 26125;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[52] = y;
        break;
    case 9291:
        x = x * 91 + p[53];
        if (x & 2048)
            y ^= p[27] + 43583;
        p[31] = y;
        break;
    case 9454:
        x = x * 764 + p[7];
        if (x & 2048)
            y ^= p[12] + 52610;
        p[12] = y;
        break;
    case 9617:
        x = x * 31 + p[11];
        if (x & 512)
            y ^= p[59] + 16651;
        p[31] = y;
        break;
    case 9780:
        x = x * 629 + p[54];
        if (x & 512)
            y ^= p[32] + 19159;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[44] = y;
        break;
    case 9943:
        x = x * 162 + p[37];
        if (x & 256)
            y ^= p[10] + 45928;
        p[3] = y;
        break;
    case 10106:
        x = x * 821 + p[48];
        if (x & 1024)
            y ^= p[8] + 1866;
        p[35] = y;
        break;
    case 10269:
        x = x * 447 + p[57];
        if (x & 8)
            y ^= p[54] + 18251;
        p[57] = y;
        break;
    case 10432:
        x = x * 31 + p[18];
        if (x & 8)
            y ^= p[20] + 27661;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[34] = y;
        break;
    case 10595:
        x = x * 785 + p[39];
        if (x & 32)
            y ^= p[18] + 31527;
        p[36] = y;
        break;
    case 10758:
        x = x * 857 + p[10];
        if (x & 1)
            y ^= p[49] + 54920;
        p[24] = y;
        break;
    case 10921:
        x = x * 681 + p[39];
        if (x & 256)
            y ^= p[28] + 60052;
        p[54] = y;
        break;
    case 11084:
        x = x * 547 + p[11];
        if (x & 256)
            y ^= p[34] + 17139;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[3] = y;
        break;
    case 11247:
        x = x * 798 + p[13];
        if (x & 512)
            y ^= p[2] + 57688;
        p[51] = y;
        break;
    case 11410:
        x = x * 179 + p[11];
        if (x & 128)
            y ^= p[41] + 19634;
        p[48] = y;
        break;
    case 11573:
        x = x * 572 + p[5];
        if (x & 32)
            y ^= p[45] + 15772;
        p[35] = y;
        break;
    case 11736:
        x = x * 806 + p[51];
        if (x & 2)
            y ^= p[58] + 63240;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[37] = y;
        break;
    case 11899:
        x = x * 257 + p[14];
        if (x & 16)
            y ^= p[4] + 7447;
        p[51] = y;
        break;
    case 12062:
        x = x * 522 + p[30];
        if (x & 256)
            y ^= p[3] + 12811;
        p[50] = y;
        break;
    case 12225:
        x = x * 456 + p[22];
        if (x & 512)
            y ^= p[34] + 8305;
        p[40] = y;
        break;
    case 12388:
        x = x * 712 + p[19];
        if (x & 128)
            y ^= p[34] + 26136;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[36] = y;
        break;
    case 12551:
        x = x * 522 + p[17];
        if (x & 2048)
            y ^= p[35] + 62657;
        p[58] = y;
        break;
    case 12714:
        x = x * 947 + p[37];
        if (x & 8)
            y ^= p[55] + 34025;
        p[30] = y;
        break;
    case 12877:
        x = x * 429 + p[9];
        if (x & 64)
            y ^= p[30] + 17974;
        p[22] = y;
        break;
    case 13040:
        x = x * 690 + p[17];
        if (x & 64)
            y ^= p[6] + 9508;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[15] = y;
        break;
    case 13203:
        x = x * 805 + p[9];
        if (x & 4)
            y ^= p[47] + 39685;
        p[43] = y;
        break;
    case 13366:
        x = x * 149 + p[18];
        if (x & 4)
            y ^= p[31] + 47996;
        p[16] = y;
        break;
    case 13529:
        x = x * 410 + p[58];
        if (x & 128)
            y ^= p[12] + 12337;
        p[44] = y;
        break;
    case 13692:
        x = x * 168 + p[47];
        if (x & 64)
            y ^= p[34] + 29322;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[27] = y;
        break;
    case 13855:
        x = x * 434 + p[14];
        if (x & 32)
            y ^= p[22] + 44448;
        p[7] = y;
        break;
    case 14018:
        x = x * 22 + p[23];
        if (x & 256)
            y ^= p[31] + 47966;
        p[30] = y;
        break;
    case 14181:
        x = x * 396 + p[23];
        if (x & 256)
            y ^= p[41] + 2370;
        p[20] = y;
        break;
    case 14344:
        x = x * 118 + p[52];
        if (x & 8)
            y ^= p[58] + 8426;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[8] = y;
        break;
    case 14507:
        x = x * 274 + p[19];
        if (x & 1)
            y ^= p[59] + 11018;
        p[51] = y;
        break;
    case 14670:
        x = x * 279 + p[50];
        if (x & 4)
            y ^= p[54] + 23796;
        p[29] = y;
        break;
    case 14833:
        x = x * 418 + p[11];
        if (x & 256)
            y ^= p[34] + 33896;
        p[38] = y;
        break;
    case 14996:
        x = x * 720 + p[22];
        if (x & 2)
            y ^= p[19] + 64829;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[5] = y;
        break;
    case 15159:
        x = x * 438 + p[59];
        if (x & 2)
            y ^= p[19] + 24031;
        p[3] = y;
        break;
    case 15322:
        x = x * 823 + p[18];
        if (x & 2)
            y ^= p[40] + 11608;
        p[56] = y;
        break;
    case 15485:
        x = x * 71 + p[18];
        if (x & 2)
            y ^= p[31] + 29151;
        p[2] = y;
        break;
    case 15648:
        x = x * 569 + p[28];
        if (x & 16)
            y ^= p[41] + 44453;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[10] = y;
        break;
    case 15811:
        x = x * 542 + p[47];
        if (x & 8)
            y ^= p[9] + 5663;
        p[12] = y;
        break;
    case 15974:
        x = x * 54 + p[13];
        if (x & 8)
            y ^= p[21] + 34327;
        p[42] = y;
        break;
    case 16137:
        x = x * 546 + p[50];
        if (x & 8)
            y ^= p[20] + 39977;
        p[30] = y;
        break;
    case 16300:
        x = x * 280 + p[24];
        if (x & 1)
            y ^= p[18] + 23317;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[4] = y;
        break;
    case 16463:
        x = x * 21 + p[48];
        if (x & 256)
            y ^= p[37] + 2011;
        p[14] = y;
        break;
    case 16626:
        x = x * 254 + p[30];
        if (x & 2)
            y ^= p[44] + 62227;
        p[54] = y;
        break;
    case 16789:
        x = x * 675 + p[33];
        if (x & 256)
            y ^= p[55] + 56646;
        p[58] = y;
        break;
    case 16952:
        x = x * 996 + p[34];
        if (x & 16)
            y ^= p[46] + 51522;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[15] = y;
        break;
    case 17115:
        x = x * 353 + p[14];
        if (x & 2048)
            y ^= p[48] + 30089;
        p[42] = y;
        break;
    case 17278:
        x = x * 417 + p[24];
        if (x & 1)
            y ^= p[55] + 18313;
        p[10] = y;
        break;
    case 17441:
        x = x * 75 + p[42];
        if (x & 2048)
            y ^= p[58] + 1868;
        p[18] = y;
        break;
    case 17604:
        x = x * 170 + p[5];
        if (x & 2)
            y ^= p[44] + 56458;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[55] = y;
        break;
    case 17767:
        x = x * 894 + p[34];
        if (x & 1024)
            y ^= p[20] + 49922;
        p[40] = y;
        break;
    case 17930:
        x = x * 712 + p[20];
        if (x & 1)
            y ^= p[31] + 31747;
        p[13] = y;
        break;
    case 18093:
        x = x * 278 + p[30];
        if (x & 1)
            y ^= p[18] + 20648;
        p[25] = y;
        break;
    case 18256:
        x = x * 998 + p[37];
        if (x & 32)
            y ^= p[17] + 43113;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[4] = y;
        break;
    case 18419:
        x = x * 226 + p[24];
        if (x & 4)
            y ^= p[2] + 40573;
        p[23] = y;
        break;
    case 18582:
        x = x * 88 + p[32];
        if (x & 16)
            y ^= p[34] + 50020;
        p[43] = y;
        break;
    case 18745:
        x = x * 257 + p[34];
        if (x & 1)
            y ^= p[7] + 26342;
        p[18] = y;
        break;
    case 18908:
        x = x * 150 + p[27];
        if (x & 512)
            y ^= p[4] + 11764;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[27] = y;
        break;
    case 19071:
        x = x * 309 + p[21];
        if (x & 1024)
            y ^= p[16] + 2948;
        p[7] = y;
        break;
    case 19234:
        x = x * 676 + p[59];
        if (x & 2048)
            y ^= p[52] + 20349;
        p[58] = y;
        break;
    case 19397:
        x = x * 785 + p[22];
        if (x & 2048)
            y ^= p[33] + 51054;
        p[11] = y;
        break;
    case 19560:
        x = x * 744 + p[41];
        if (x & 1024)
            y ^= p[11] + 37247;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[4] = y;
        break;
    case 19723:
        x = x * 754 + p[46];
        if (x & 256)
            y ^= p[10] + 56261;
        p[35] = y;
        break;
    case 19886:
        x = x * 849 + p[45];
        if (x & 512)
            y ^= p[53] + 2107;
        p[59] = y;
        break;
    case 20049:
        x = x * 90 + p[3];
        if (x & 1)
            y ^= p[10] + 30138;
        p[42] = y;
        break;
    case 20212:
        x = x * 985 + p[8];
        if (x & 64)
            y ^= p[55] + 47278;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[30] = y;
        break;
    case 20375:
        x = x * 645 + p[3];
        if (x & 1024)
            y ^= p[36] + 6655;
        p[45] = y;
        break;
    case 20538:
        x = x * 504 + p[18];
        if (x & 1)
            y ^= p[31] + 32054;
        p[53] = y;
        break;
    case 20701:
        x = x * 769 + p[34];
        if (x & 256)
            y ^= p[7] + 9189;
        p[44] = y;
        break;
    case 20864:
        x = x * 766 + p[49];
        if (x & 128)
            y ^= p[18] + 8657;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[53] = y;
        break;
    case 21027:
        x = x * 869 + p[18];
        if (x & 8)
            y ^= p[48] + 9758;
        p[50] = y;
        break;
    case 21190:
        x = x * 239 + p[49];
        if (x & 1024)
            y ^= p[31] + 26898;
        p[33] = y;
        break;
    case 21353:
        x = x * 81 + p[32];
        if (x & 1024)
            y ^= p[20] + 50142;
        p[51] = y;
        break;
    case 21516:
        x = x * 634 + p[42];
        if (x & 1024)
            y ^= p[14] + 6127;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[6] = y;
        break;
    case 21679:
        x = x * 342 + p[18];
        if (x & 1024)
            y ^= p[49] + 19323;
        p[46] = y;
        break;
    case 21842:
        x = x * 639 + p[38];
        if (x & 4)
            y ^= p[2] + 39900;
        p[32] = y;
        break;
    case 22005:
        x = x * 500 + p[19];
        if (x & 1024)
            y ^= p[8] + 7950;
        p[46] = y;
        break;
    case 22168:
        x = x * 694 + p[33];
        if (x & 16)
            y ^= p[47] + 28533;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[35] = y;
        break;
    case 22331:
        x = x * 478 + p[31];
        if (x & 128)
            y ^= p[51] + 37426;
        p[9] = y;
        break;
    case 22494:
        x = x * 322 + p[7];
        if (x & 128)
            y ^= p[3] + 26116;
        p[20] = y;
        break;
    case 22657:
        x = x * 81 + p[54];
        if (x & 256)
            y ^= p[30] + 60158;
        p[19] = y;
        break;
    case 22820:
        x = x * 217 + p[15];
        if (x & 2)
            y ^= p[39] + 50704;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[7] = y;
        break;
    case 22983:
        x = x * 768 + p[35];
        if (x & 16)
            y ^= p[25] + 18578;
        p[10] = y;
        break;
    case 23146:
        x = x * 911 + p[9];
        if (x & 2048)
            y ^= p[25] + 36643;
        p[16] = y;
        break;
    case 23309:
        x = x * 922 + p[58];
        if (x & 128)
            y ^= p[27] + 65259;
        p[3] = y;
        break;
    case 23472:
        x = x * 6 + p[33];
        if (x & 1024)
            y ^= p[30] + 20849;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[27] = y;
        break;
    case 23635:
        x = x * 747 + p[11];
        if (x & 64)
            y ^= p[24] + 39577;
        p[26] = y;
        break;
    case 23798:
        x = x * 126 + p[55];
        if (x & 32)
            y ^= p[2] + 41428;
        p[22] = y;
        break;
    case 23961:
        x = x * 862 + p[27];
        if (x & 2)
            y ^= p[14] + 44338;
        p[47] = y;
        break;
    case 24124:
        x = x * 926 + p[49];
        if (x & 16)
            y ^= p[18] + 1536;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[25] = y;
        break;
    case 24287:
        x = x * 405 + p[26];
        if (x & 512)
            y ^= p[6] + 8516;
        p[25] = y;
        break;
    case 24450:
        x = x * 776 + p[19];
        if (x & 1)
            y ^= p[19] + 56105;
        p[8] = y;
        break;
    case 24613:
        x = x * 857 + p[44];
        if (x & 16)
            y ^= p[42] + 6765;
        p[11] = y;
        break;
    case 24776:
        x = x * 997 + p[19];
        if (x & 64)
            y ^= p[34] + 32679;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[22] = y;
        break;
    case 24939:
        x = x * 794 + p[25];
        if (x & 64)
            y ^= p[58] + 24883;
        p[3] = y;
        break;
    case 25102:
        x = x * 938 + p[58];
        if (x & 256)
            y ^= p[37] + 52434;
        p[15] = y;
        break;
    case 25265:
        x = x * 53 + p[48];
        if (x & 64)
            y ^= p[30] + 10561;
        p[41] = y;
        break;
    case 25428:
        x = x * 662 + p[57];
        if (x & 16)
            y ^= p[33] + 18162;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[5] = y;
        break;
    case 25591:
        x = x * 177 + p[32];
        if (x & 64)
            y ^= p[23] + 16686;
        p[20] = y;
        break;
    case 25754:
        x = x * 264 + p[49];
        if (x & 2048)
            y ^= p[43] + 39029;
        p[18] = y;
        break;
    case 25917:
        x = x * 674 + p[17];
        if (x & 16)
            y ^= p[32] + 53242;
        p[37] = y;
        break;
    case 26080:
        x = x * 125 + p[12];
        if (x & 1024)
            y ^= p[12] + 51690;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[6] = y;
        break;
    case 26243:
        x = x * 515 + p[59];
        if (x & 128)
            y ^= p[37] + 27246;
        p[16] = y;
        break;
    case 26406:
        x = x * 931 + p[23];
        if (x & 128)
            y ^= p[29] + 59373;
        p[10] = y;
        break;
    case 26569:
        x = x * 252 + p[7];
        if (x & 4)
            y ^= p[23] + 25219;
        p[37] = y;
        break;
    case 26732:
        x = x * 329 + p[17];
        if (x & 32)
            y ^= p[18] + 11939;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[53] = y;
        break;
    case 26895:
        x = x * 911 + p[3];
        if (x & 2048)
            y ^= p[57] + 26495;
        p[28] = y;
        break;
    case 27058:
        x = x * 426 + p[49];
        if (x & 256)
            y ^= p[15] + 50179;
        p[26] = y;
        break;
    case 27221:
        x = x * 349 + p[50];
        if (x & 1)
            y ^= p[33] + 35420;
        p[19] = y;
        break;
    case 27384:
        x = x * 131 + p[45];
        if (x & 256)
            y ^= p[35] + 47204;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[42] = y;
        break;
    case 27547:
        x = x * 97 + p[19];
        if (x & 8)
            y ^= p[26] + 28306;
        p[27] = y;
        break;
    case 27710:
        x = x * 445 + p[21];
        if (x & 1)
            y ^= p[10] + 58439;
        p[4] = y;
        break;
    case 27873:
        x = x * 729 + p[50];
        if (x & 128)
            y ^= p[39] + 55731;
        p[33] = y;
        break;
    case 28036:
        x = x * 77 + p[27];
        if (x & 256)
            y ^= p[56] + 23;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[31] = y;
        break;
    case 28199:
        x = x * 257 + p[52];
        if (x & 2)
            y ^= p[16] + 58844;
        p[11] = y;
        break;
    case 28362:
        x = x * 537 + p[45];
        if (x & 2)
            y ^= p[54] + 19931;
        p[48] = y;
        break;
    case 28525:
        x = x * 90 + p[37];
        if (x & 1)
            y ^= p[2] + 59942;
        p[52] = y;
        break;
    case 28688:
        x = x * 241 + p[38];
        if (x & 1)
            y ^= p[43] + 16469;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[47] = y;
        break;
    case 28851:
        x = x * 988 + p[10];
        if (x & 1024)
            y ^= p[18] + 39817;
        p[35] = y;
        break;
    case 29014:
        x = x * 718 + p[50];
        if (x & 2)
            y ^= p[8] + 57334;
        p[6] = y;
        break;
    case 29177:
        x = x * 540 + p[39];
        if (x & 8)
            y ^= p[26] + 39367;
        p[18] = y;
        break;
    case 29340:
        x = x * 812 + p[40];
        if (x & 1)
            y ^= p[2] + 29305;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[36] = y;
        break;
    case 29503:
        x = x * 474 + p[19];
        if (x & 32)
            y ^= p[43] + 39520;
        p[55] = y;
        break;
    case 29666:
        x = x * 489 + p[35];
        if (x & 8)
            y ^= p[37] + 31766;
        p[17] = y;
        break;
    case 29829:
        x = x * 986 + p[28];
        if (x & 2048)
            y ^= p[43] + 3837;
        p[21] = y;
        break;
    case 29992:
        x = x * 25 + p[14];
        if (x & 128)
            y ^= p[58] + 7249;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[45] = y;
        break;
    case 30155:
        x = x * 86 + p[18];
        if (x & 8)
            y ^= p[44] + 55052;
        p[29] = y;
        break;
    case 30318:
        x = x * 235 + p[33];
        if (x & 1)
            y ^= p[46] + 48525;
        p[23] = y;
        break;
    case 30481:
        x = x * 374 + p[45];
        if (x & 64)
            y ^= p[14] + 55123;
        p[2] = y;
        break;
    case 30644:
        x = x * 759 + p[56];
        if (x & 256)
            y ^= p[6] + 38287;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[15] = y;
        break;
    case 30807:
        x = x * 996 + p[14];
        if (x & 16)
            y ^= p[51] + 64971;
        p[54] = y;
        break;
    case 30970:
        x = x * 239 + p[31];
        if (x & 8)
            y ^= p[18] + 25419;
        p[50] = y;
        break;
    case 31133:
        x = x * 114 + p[41];
        if (x & 128)
            y ^= p[41] + 38657;
        p[13] = y;
        break;
    case 31296:
        x = x * 499 + p[28];
        if (x & 1024)
            y ^= p[5] + 29271;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[40] = y;
        break;
    case 31459:
        x = x * 947 + p[27];
        if (x & 1)
            y ^= p[15] + 19186;
        p[3] = y;
        break;
    case 31622:
        x = x * 428 + p[5];
        if (x & 2048)
            y ^= p[5] + 18600;
        p[13] = y;
        break;
    case 31785:
        x = x * 463 + p[59];
        if (x & 2048)
            y ^= p[58] + 51553;
        p[22] = y;
        break;
    case 31948:
        x = x * 84 + p[12];
        if (x & 32)
            y ^= p[14] + 14838;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[13] = y;
        break;
    case 32111:
        x = x * 35 + p[21];
        if (x & 1024)
            y ^= p[48] + 61291;
        p[26] = y;
        break;
    case 32274:
        x = x * 342 + p[30];
        if (x & 4)
            y ^= p[8] + 49005;
        p[2] = y;
        break;
    case 32437:
        x = x * 289 + p[7];
        if (x & 32)
            y ^= p[28] + 10255;
        p[58] = y;
        break;
    case 32600:
        x = x * 577 + p[50];
        if (x & 8)
            y ^= p[26] + 16214;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[24] = y;
        break;
    case 32763:
        x = x * 844 + p[53];
        if (x & 64)
            y ^= p[7] + 40461;
        p[5] = y;
        break;
    case 32926:
        x = x * 203 + p[25];
        if (x & 256)
            y ^= p[30] + 62057;
        p[14] = y;
        break;
    case 33089:
        x = x * 375 + p[49];
        if (x & 128)
            y ^= p[3] + 42376;
        p[42] = y;
        break;
    case 33252:
        x = x * 256 + p[53];
        if (x & 1024)
            y ^= p[51] + 53844;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[27] = y;
        break;
    case 33415:
        x = x * 387 + p[4];
        if (x & 128)
            y ^= p[6] + 5328;
        p[53] = y;
        break;
    case 33578:
        x = x * 266 + p[14];
        if (x & 2048)
            y ^= p[6] + 8126;
        p[59] = y;
        break;
    case 33741:
        x = x * 374 + p[19];
        if (x & 32)
            y ^= p[41] + 44442;
        p[4] = y;
        break;
    case 33904:
        x = x * 767 + p[47];
        if (x & 2048)
            y ^= p[22] + 34363;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[19] = y;
        break;
    case 34067:
        x = x * 6 + p[48];
        if (x & 512)
            y ^= p[53] + 38981;
        p[42] = y;
        break;
    case 34230:
        x = x * 27 + p[54];
        if (x & 8)
            y ^= p[8] + 8563;
        p[32] = y;
        break;
    case 34393:
        x = x * 979 + p[51];
        if (x & 64)
            y ^= p[52] + 61045;
        p[18] = y;
        break;
    case 34556:
        x = x * 837 + p[33];
        if (x & 4)
            y ^= p[33] + 56352;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[13] = y;
        break;
    case 34719:
        x = x * 824 + p[49];
        if (x & 16)
            y ^= p[54] + 1141;
        p[46] = y;
        break;
    case 34882:
        x = x * 624 + p[17];
        if (x & 32)
            y ^= p[57] + 19833;
        p[22] = y;
        break;
    case 35045:
        x = x * 373 + p[52];
        if (x & 512)
            y ^= p[7] + 60395;
        p[34] = y;
        break;
    case 35208:
        x = x * 404 + p[50];
        if (x & 4)
            y ^= p[17] + 25862;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[28] = y;
        break;
    case 35371:
        x = x * 668 + p[4];
        if (x & 128)
            y ^= p[37] + 8484;
        p[36] = y;
        break;
    case 35534:
        x = x * 167 + p[29];
        if (x & 2)
            y ^= p[6] + 42697;
        p[18] = y;
        break;
    case 35697:
        x = x * 216 + p[8];
        if (x & 64)
            y ^= p[33] + 11020;
        p[47] = y;
        break;
    case 35860:
        x = x * 180 + p[16];
        if (x & 4)
            y ^= p[28] + 58584;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[31] = y;
        break;
    case 36023:
        x = x * 768 + p[36];
        if (x & 1024)
            y ^= p[50] + 30793;
        p[9] = y;
        break;
    case 36186:
        x = x * 303 + p[19];
        if (x & 512)
            y ^= p[19] + 38525;
        p[25] = y;
        break;
    case 36349:
        x = x * 758 + p[18];
        if (x & 8)
            y ^= p[30] + 33299;
        p[17] = y;
        break;
    case 36512:
        x = x * 254 + p[17];
        if (x & 4)
            y ^= p[20] + 24344;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[58] = y;
        break;
    case 36675:
        x = x * 337 + p[6];
        if (x & 64)
            y ^= p[18] + 24674;
        p[17] = y;
        break;
    case 36838:
        x = x * 668 + p[53];
        if (x & 2)
            y ^= p[43] + 30327;
        p[31] = y;
        break;
    case 37001:
        x = x * 107 + p[2];
        if (x & 128)
            y ^= p[58] + 4852;
        p[54] = y;
        break;
    case 37164:
        x = x * 863 + p[30];
        if (x & 32)
            y ^= p[4] + 30292;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[58] = y;
        break;
    case 37327:
        x = x * 241 + p[9];
        if (x & 1)
            y ^= p[14] + 38492;
        p[40] = y;
        break;
    case 37490:
        x = x * 955 + p[6];
        if (x & 32)
            y ^= p[34] + 25449;
        p[57] = y;
        break;
    case 37653:
        x = x * 462 + p[40];
        if (x & 16)
            y ^= p[51] + 23299;
        p[51] = y;
        break;
    case 37816:
        x = x * 111 + p[42];
        if (x & 512)
            y ^= p[47] + 830;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[41] = y;
        break;
    case 37979:
        x = x * 225 + p[4];
        if (x & 32)
            y ^= p[23] + 45835;
        p[11] = y;
        break;
    case 38142:
        x = x * 211 + p[18];
        if (x & 1)
            y ^= p[40] + 5788;
        p[48] = y;
        break;
    case 38305:
        x = x * 837 + p[2];
        if (x & 32)
            y ^= p[28] + 26665;
        p[45] = y;
        break;
    case 38468:
        x = x * 192 + p[41];
        if (x & 16)
            y ^= p[6] + 48733;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[15] = y;
        break;
    case 38631:
        x = x * 817 + p[33];
        if (x & 256)
            y ^= p[32] + 4124;
        p[6] = y;
        break;
    case 38794:
        x = x * 106 + p[52];
        if (x & 64)
            y ^= p[44] + 53499;
        p[37] = y;
        break;
    case 38957:
        x = x * 657 + p[36];
        if (x & 2)
            y ^= p[43] + 20257;
        p[12] = y;
        break;
    case 39120:
        x = x * 715 + p[19];
        if (x & 64)
            y ^= p[20] + 52136;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[44] = y;
        break;
    case 39283:
        x = x * 430 + p[5];
        if (x & 16)
            y ^= p[49] + 40317;
        p[38] = y;
        break;
    case 39446:
        x = x * 427 + p[28];
        if (x & 1)
            y ^= p[57] + 46816;
        p[51] = y;
        break;
    case 39609:
        x = x * 662 + p[14];
        if (x & 64)
            y ^= p[48] + 47681;
        p[27] = y;
        break;
    case 39772:
        x = x * 967 + p[2];
        if (x & 64)
            y ^= p[59] + 26695;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[12] = y;
        break;
    case 39935:
        x = x * 119 + p[54];
        if (x & 2)
            y ^= p[27] + 55542;
        p[38] = y;
        break;
    case 40098:
        x = x * 474 + p[51];
        if (x & 4)
            y ^= p[10] + 47805;
        p[2] = y;
        break;
    case 40261:
        x = x * 567 + p[11];
        if (x & 1024)
            y ^= p[53] + 6775;
        p[27] = y;
        break;
    case 40424:
        x = x * 589 + p[41];
        if (x & 32)
            y ^= p[49] + 11669;
        key = y & 255;
        n = bpf_map_lookup_elem(&counters, &key);
        if (n)
            *n += x;
        p[34] = y;
        break;
    case 40587:
        x = x * 152 + p[24];
        if (x & 16)
            y ^= p[12] + 22503;
        p[35] = y;
        break;
    default:
        return XDP_PASS;
    }
    count(x & 255);
    return (x ^ y) & 3;
}
