/* SPDX-License-Identifier: BSD-3-Clause */

/* A client of the control socket. */

#ifndef NBDMIRROR_CONTROL_CLIENT_H
#define NBDMIRROR_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

struct client {
  const char *path; /* as the user typed it */
  int fd;
  unsigned seconds; /* private: that the answer may take */
};

/* Connect, within a few seconds.  0, or -1 with the error reported. */
int client_open (struct client *c, const char *path);

/* The same, again and again until the socket is there, or the deadline. */
int client_open_until (struct client *c, const char *path, uint64_t deadline);
void client_close (struct client *c);

/* Ask for the status, within a few seconds.  Returns the object of the
 * contract, checked as far as the tool relies on it, or NULL with the error
 * reported.  The caller owns it (json_object_put).
 */
struct json_object *client_status (struct client *c);

/* Give an order, which may take up to "seconds".  Takes the request over.  The
 * reply, which the caller owns, or NULL with the error reported; *refused: by
 * the mirror.
 */
struct json_object *client_order (struct client *c,
                                  struct json_object *request,
                                  unsigned seconds, bool *refused);

/* Wait for that many milliseconds.  1: time is over; 0: a signal came; -1:
 * the server went away, reported.
 */
int client_sleep (struct client *c, uint64_t msec);

#endif /* NBDMIRROR_CONTROL_CLIENT_H */
