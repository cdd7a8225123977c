/* SPDX-License-Identifier: BSD-3-Clause */

/* Text from outside, for those that take only UTF-8. */

#ifndef NBDMIRROR_UTF8_H
#define NBDMIRROR_UTF8_H

#include <stddef.h>

/* Copy a text into a buffer of size bytes, at least 5; what is not UTF-8
 * becomes '?', and what has no room is cut off, between characters.  Returns
 * the length.
 */
size_t utf8_copy (char *buf, size_t size, const char *text);

/* The same for a terminal or a line of a log: control characters, too, become '?'. */
size_t utf8_copy_line (char *buf, size_t size, const char *text);

#endif /* NBDMIRROR_UTF8_H */
