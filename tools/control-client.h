/* SPDX-License-Identifier: BSD-3-Clause */

/* A client of the control socket. */

#ifndef NBDMIRROR_CONTROL_CLIENT_H
#define NBDMIRROR_CONTROL_CLIENT_H

#include <stdint.h>

struct json_object;

struct client {
  const char *path; /* as the user typed it */
  int fd;
};

/* Connect, within a few seconds.  0, or -1 with the error reported. */
int client_open (struct client *c, const char *path);
void client_close (struct client *c);

/* Ask for the status, within a few seconds.  Returns the object of the
 * contract, checked as far as the tool relies on it, or NULL with the error
 * reported.  The caller owns it (json_object_put).
 */
struct json_object *client_status (struct client *c);

/* Wait for that many milliseconds.  1: time is over; 0: a signal came; -1:
 * the server went away, reported.
 */
int client_sleep (struct client *c, uint64_t msec);

#endif /* NBDMIRROR_CONTROL_CLIENT_H */
