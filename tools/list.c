/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror list: the mirrors of this host that have a control socket.  They
 * announce it (plugin/control/announce.h), and the kernel has a list of all
 * sockets, with the path of each.
 */

#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "control-client.h"
#include "fields.h"
#include "msg.h"
#include "nbdmirror.h"

#define SOCKETS "/proc/net/unix"
#define PREFIX "@nbdmirror-control:"
#define MAX_MIRRORS 1024

/* A line of the kernel's list: the number of the socket and its name, which is
 * empty if it has none.  False: it is none.
 */
static bool
parse_socket (const char *line, uint64_t *inode, const char **name)
{
  int end = 0;

  if (sscanf (line, "%*x: %*x %*x %*x %*x %*x %" SCNu64 "%n", inode, &end) !=
        1 ||
      end == 0)
    return false;
  *name = line + end + (line[end] == ' ');
  return true;
}

/* Numbers of sockets that are announced. */
struct announced {
  uint64_t inode[MAX_MIRRORS];
  size_t nr;
};

static bool
is_announced (const struct announced *a, uint64_t inode)
{
  for (size_t i = 0; i < a->nr; ++i)
    if (a->inode[i] == inode)
      return true;
  return false;
}

static void
note_announced (struct announced *a, const char *name)
{
  if (strncmp (name, PREFIX, strlen (PREFIX)) == 0 && a->nr < MAX_MIRRORS)
    a->inode[a->nr++] = strtoull (name + strlen (PREFIX), NULL, 10);
}

/* Call fn for each socket that has a name.  -1 with the error reported. */
static int
each_socket (void (*fn) (uint64_t inode, const char *name, void *opaque),
             void *opaque)
{
  FILE *f = fopen (SOCKETS, "re");
  CLEANUP_FREE char *line = NULL;
  const char *name;
  size_t size = 0;
  uint64_t inode;

  if (f == NULL) {
    msg_error ("%s: %m", SOCKETS);
    return -1;
  }
  while (getline (&line, &size, f) != -1) {
    line[strcspn (line, "\n")] = '\0';
    if (parse_socket (line, &inode, &name) && *name != '\0')
      fn (inode, name, opaque);
  }
  fclose (f);
  return 0;
}

struct list {
  struct announced announced;
  struct json_object *mirrors;
};

static void
look_at_name (uint64_t inode, const char *name, void *opaque)
{
  struct list *list = opaque;

  (void) inode;
  note_announced (&list->announced, name);
}

static void
add_mirror (struct list *list, const char *path)
{
  struct json_object *obj = json_object_new_object (), *status = NULL;
  struct client c;

  field_add_text (obj, "socket", path);
  if (client_open (&c, path) == 0) {
    status = client_status (&c);
    client_close (&c);
  }
  json_object_object_add (obj, "status", status);
  json_object_array_add (list->mirrors, obj);
}

/* One that was bound has a path; a client of it has the same path and another
 * number.
 */
static void
look_at_path (uint64_t inode, const char *name, void *opaque)
{
  struct list *list = opaque;

  if (name[0] == '/' && is_announced (&list->announced, inode))
    add_mirror (list, name);
}

static void
print_mirror (struct json_object *obj)
{
  struct json_object *status = field_object (obj, "status");
  struct json_object *mirror = field_object (status, "mirror");
  char size[SIZE_TEXT];

  if (status == NULL)
    printf ("%-9s  %10s  %4s  ", "no answer", "", "");
  else
    printf ("%-9s  %10s  %4zu  ", field_text (mirror, "state"),
            format_size (size, field_u64 (mirror, "size")),
            status_nr_legs (status));
  print_safe (stdout, field_text (obj, "socket"));
  putchar ('\n');
}

static void
print_list (struct json_object *mirrors)
{
  size_t nr = json_object_array_length (mirrors);

  if (nr > 0)
    printf ("%-9s  %10s  %4s  %s\n", "state", "size", "legs", "socket");
  for (size_t i = 0; i < nr; ++i)
    print_mirror (json_object_array_get_idx (mirrors, i));
}

static int
list_all (bool json)
{
  static struct list list;
  int r;

  list.mirrors = json_object_new_array ();
  r = each_socket (look_at_name, &list);
  if (r == 0)
    r = each_socket (look_at_path, &list);
  if (r == 0 && json)
    print_json (stdout, list.mirrors);
  else if (r == 0)
    print_list (list.mirrors);
  json_object_put (list.mirrors);
  return r == -1 ? EXIT_NO_ANSWER : 0;
}

int
verb_list (int argc, char *argv[])
{
  static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
  };
  bool json = false;
  int opt;

  while ((opt = getopt_long (argc, argv, "h", options, NULL)) != -1) {
    if (opt == 'h')
      return verb_help ("list");
    if (opt == '?')
      return usage_error ("list");
    json = true;
  }
  if (optind < argc) {
    msg_error ("list takes no operand: %s", argv[optind]);
    return usage_error ("list");
  }
  return list_all (json);
}
