/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading, and printing, the JSON of a status. */

#ifndef NBDMIRROR_FIELDS_H
#define NBDMIRROR_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

/* A member of an object, which may be NULL.  One that is absent or of
 * another type reads as "", 0, false or NULL.
 */
const char *field_text (struct json_object *obj, const char *key);
uint64_t field_u64 (struct json_object *obj, const char *key);
bool field_bool (struct json_object *obj, const char *key);
struct json_object *field_object (struct json_object *obj, const char *key);

/* The same for writing: add a member.  Text that is not UTF-8 becomes it. */
void field_add_text (struct json_object *obj, const char *key,
                     const char *text);
void field_add_u64 (struct json_object *obj, const char *key, uint64_t value);
void field_add_bool (struct json_object *obj, const char *key, bool value);

/* All that the tool can't do without is there. */
bool status_is_complete (struct json_object *status);

/* A checked status. */
size_t status_nr_legs (struct json_object *status);
struct json_object *status_leg (struct json_object *status, size_t i);
bool leg_is (struct json_object *leg, const char *state);

/* Number of legs in a state. */
size_t status_count_legs (struct json_object *status, const char *state);

/* The exit code of the program. */
int status_exit_code (struct json_object *status);

/* Text from a server, or a file, must not move the cursor. */
void print_safe (FILE *out, const char *text);

/* For people and programs: with new lines and spaces. */
void print_json (FILE *out, struct json_object *obj);

/* 1536 -> "1.5 KiB", 2048 -> "2 KiB".  Returns buf. */
#define SIZE_TEXT 16
char *format_size (char buf[SIZE_TEXT], uint64_t bytes);

/* 16 bytes in the usual form.  Returns buf. */
#define UUID_TEXT 37
char *format_uuid (char buf[UUID_TEXT], const uint8_t uuid[16]);

#endif /* NBDMIRROR_FIELDS_H */
