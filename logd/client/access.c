/* SPDX-License-Identifier: BSD-3-Clause */

/* Which client may open which logs: lines "IDENTITY LOG...".  A log is a
 * name, or a pattern as of the shell.  The identity "-" is that of clients
 * that have none.  Who is in no line may open nothing.
 */

#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "logd-client.h"
#include "msg.h"
#include "stream.h"

#define SPACE " \t\r\n"

struct rule {
  struct rule *next;
  char *line; /* words, each ended by a NUL, then an empty one */
};

struct access {
  struct rule *rules;
};

/* Words to the form of struct rule, in place. */
static void
split (char *line)
{
  char *to = line, *save = NULL, *comment = strchr (line, '#');

  if (comment)
    *comment = '\0';
  for (char *word = strtok_r (line, SPACE, &save); word;
       word = strtok_r (NULL, SPACE, &save)) {
    size_t len = strlen (word);

    memmove (to, word, len + 1);
    to += len + 1;
  }
  *to = '\0';
}

static int
add_line (struct access *a, const char *line)
{
  struct rule *rule = calloc (1, sizeof *rule);
  size_t size = strlen (line) + 2;

  if (rule)
    rule->line = calloc (1, size);
  if (!rule || !rule->line) {
    free (rule);
    return -1;
  }
  memcpy (rule->line, line, size - 2);
  split (rule->line);
  rule->next = a->rules;
  a->rules = rule;
  return 0;
}

static int
read_lines (struct access *a, FILE *file)
{
  char *line = NULL;
  size_t size = 0;
  int r = 0;

  while (r == 0 && getline (&line, &size, file) != -1)
    r = add_line (a, line);
  free (line);
  return ferror (file) ? -1 : r;
}

struct access *
access_load (const char *path)
{
  struct access *a = calloc (1, sizeof *a);
  FILE *file = fopen (path, "re");

  if (!a || !file || read_lines (a, file) == -1) {
    msg_error ("--access=%s: %m", path);
    access_free (a);
    a = NULL;
  }
  if (file)
    fclose (file);
  return a;
}

void
access_free (struct access *a)
{
  struct rule *rule;

  while (a && (rule = a->rules)) {
    a->rules = rule->next;
    free (rule->line);
    free (rule);
  }
  free (a);
}

static bool
rule_allows (const struct rule *rule, const char *identity, const char *log)
{
  const char *word = rule->line;

  if (strcmp (word, identity) != 0)
    return false;
  for (word += strlen (word) + 1; *word; word += strlen (word) + 1)
    if (fnmatch (word, log, 0) == 0)
      return true;
  return false;
}

/* a NULL: everybody may. */
static bool
access_allows (const struct access *a, const char *identity, const char *log)
{
  if (!a)
    return true;
  if (!identity[0])
    identity = "-";
  else if (strcmp (identity, "-") == 0)
    return false;
  for (const struct rule *rule = a->rules; rule; rule = rule->next)
    if (rule_allows (rule, identity, log))
      return true;
  return false;
}

bool
access_may (const struct client *c, const char *log)
{
  return access_allows (c->server->access, stream_identity (c->stream), log);
}

bool
access_check (struct client *c, const struct proto_msg *msg,
              struct proto_str name)
{
  const char *identity = stream_identity (c->stream);
  char log[PROTO_MAX_NAME + 1] = "";

  if (!proto_name_ok (name)) {
    client_error (c, msg, PROTO_E_INVALID, "not the name of a log");
    return false;
  }
  memcpy (log, name.s, name.len);
  if (access_may (c, log))
    return true;
  client_error (c, msg, PROTO_E_DENIED, "%s may not open log %s",
                identity[0] ? identity : "a client without an identity", log);
  return false;
}
