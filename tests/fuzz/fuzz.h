/* SPDX-License-Identifier: BSD-3-Clause */

/* A fuzz target takes any input and aborts if something is wrong.  It is
 * run by libFuzzer (make fuzz), or by fuzz-driver.c on the inputs saved in
 * tests/fuzz/corpus/NAME and on some changes to them.
 */

#ifndef NBDMIRROR_FUZZ_H
#define NBDMIRROR_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The NAME. */
extern const char fuzz_corpus[];

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#endif /* NBDMIRROR_FUZZ_H */
