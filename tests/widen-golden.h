#ifndef TESTS_WIDEN_GOLDEN_H
#define TESTS_WIDEN_GOLDEN_H

#include "widen-case.h"

/*
 * Hashes of what libggml 0.27.0 (Debian sid, x86-64) makes of the cases, written by
 * tests/kernels-reference BUILD ROOT --widen --golden. A row holds the types in the order
 * of widen_type().
 */
/* clang-format off */
static const uint64_t golden[WIDEN_KINDS][WIDEN_TYPES] = {
    /* random */
    {
     0x61bb9f366c26cc00, 0x1b5e89ecc55ccbd6, 0xe578930f44560000, 0xb53d3095f5ae9d24,
     0x588c53728ee443c0, 0x65b186ae18423fc3, 0xe69270fda056c340, 0x356daefc06d3917f,
     0x2beee4eb852318a2, 0x011073384250d0fe, 0x1b867900a0c62000, 0x1c651df5bb47e000,
     0xbe744adb43b00000, 0x03e5ff50474da000, 0x6d3e42bdfe914740, 0xd8ba3a8319271ad2,
     0xec9e547c3a400000, 0x738f49f535080000,},
    /* edges of the scale */
    {
     0x07914973ce076c00, 0x70acbb410694feba, 0x26d45ceb82f07800, 0xa7685a9efbc89edb,
     0x37ba15856c11c4c0, 0x9270d52df4e0e4dc, 0x19241715ebfa3ec0, 0x662227ae6c160d29,
     0x918f1cee6c3143eb, 0x9d9afb402ddc1f60, 0x387290bc39b0a000, 0x74dd572a2b17c000,
     0x54774ad4e4800000, 0x099c3ff50570a000, 0x93a854fa871b72c0, 0xc9c80cb23cd79bfc,
     0xb77cbe6491000000, 0xf175f19d58400000,},
    /* no bit set */
    {
     0x8268dcbbca480000, 0x0fc13cbd7ecc0000, 0x75dbb7df28cc0000, 0x4c3692ea25600000,
     0x3a66187000000000, 0x12c5570000000000, 0x763e568032000000, 0x40ecf80000000000,
     0x49ee990000000000, 0xa5cedd8000000000, 0x6c9ae17857e00000, 0x9fb4abced2600000,
     0xfb70f1b780200000, 0x4c3c7e416d980000, 0xaaa5b990d7575800, 0x12d1c529ee468000,
     0x0000000000000000, 0x0000000000000000,},
    /* all bits set */
    {
     0xb99072b5d5ad8000, 0x55a93ed190431140, 0xafebf2beeb430000, 0x1d234c080a7127e0,
     0x17daea1fa7d40000, 0x942f6ed925c90100, 0xda0b1bfe016f0000, 0x88cbf687ac71b800,
     0x676353ac76e13800, 0x30462b3e71030000, 0x74024e9046a00000, 0xa63bdb9329000000,
     0xf2e3179d82000000, 0x78d839ba17880000, 0xd423034329b3e800, 0xf12bd99f06c7e000,
     0x5bfebb3c00000000, 0x632f31d7c0000000,},
    /* scales that are not finite */
    {
     0x2dff5d9e00000000, 0x2dff5d9e00000000, 0x2dff5d9e00000000, 0x2dff5d9e00000000,
     0x2dff5d9e00000000, 0x3de3ecf000000000, 0xa912690816c00000, 0x3de3ecf000000000,
     0x3de3ecf000000000, 0x604dfe438bc00000, 0x3de3ecf000000000, 0x3de3ecf000000000,
     0x11d3f67800000000, 0xc5a27b3c00000000, 0x2dff5d9e00000000, 0x3de3ecf000000000,
     0x7ba42eaaf1000000, 0x3ec10f9f10d40000,},
};
/* clang-format on */

#endif
