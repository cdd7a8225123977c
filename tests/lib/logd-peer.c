/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#undef NDEBUG
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <zlib.h>

#include "deadline.h"
#include "logd-peer.h"
#include "temp-path.h"
#include "unit-wait.h"

#define MAX_ARGS 24
#define PATIENCE_MS 20000

/* --- the server --- */

static void
run_server (const struct logd *l, logd_prepare prepare, const char *arg,
            va_list args)
{
  const char *argv[MAX_ARGS] = {
    LOGD,      "--foreground", "--dir",   l->dir,    "--socket",
    l->socket, "--status",     l->status, "--lease", "1",
  };
  int n = 10;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (; arg && n < MAX_ARGS - 1; arg = va_arg (args, const char *))
    argv[n++] = arg;
  if (freopen (l->err, "a", stderr) == NULL)
    _exit (98);
  if (prepare)
    prepare ();
  execv (argv[0], (char *const *) argv);
  _exit (99);
}

static int
try_connect (const char *path)
{
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  ck_assert_int_ge (fd, 0);
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", path);
  if (connect (fd, (struct sockaddr *) &addr, sizeof addr) == 0)
    return fd;
  close (fd);
  return -1;
}

static void
wait_until_ready (struct logd *l)
{
  int fd;

  WAIT_FOR ((fd = try_connect (l->socket)) >= 0 ||
            waitpid (l->pid, NULL, WNOHANG) == l->pid);
  ck_assert_msg (fd >= 0, "no server: %s", logd_messages (l));
  close (fd);
}

static void
start (struct logd *l, logd_prepare prepare, const char *arg, va_list args)
{
  l->pid = fork ();
  ck_assert_int_ne (l->pid, -1);
  if (l->pid == 0)
    run_server (l, prepare, arg, args);
  wait_until_ready (l);
}

void
logd_start (struct logd *l, logd_prepare prepare, const char *arg, ...)
{
  va_list args;

  memset (l, 0, sizeof *l);
  temp_path (l->dir, sizeof l->dir, "unit-logd");
  ck_assert_ptr_nonnull (mkdtemp (l->dir));
  snprintf (l->socket, sizeof l->socket, "%s/sock", l->dir);
  snprintf (l->status, sizeof l->status, "%s/status", l->dir);
  snprintf (l->err, sizeof l->err, "%s/err", l->dir);
  va_start (args, arg);
  start (l, prepare, arg, args);
  va_end (args);
}

void
logd_again (struct logd *l, const char *arg, ...)
{
  va_list args;

  va_start (args, arg);
  start (l, NULL, arg, args);
  va_end (args);
}

void
logd_kill (struct logd *l)
{
  if (l->pid > 0) {
    kill (l->pid, SIGKILL);
    waitpid (l->pid, NULL, 0);
  }
  l->pid = 0;
}

int
logd_end (struct logd *l)
{
  int status = 0;
  pid_t pid = l->pid;

  kill (pid, SIGTERM);
  WAIT_FOR (waitpid (pid, &status, WNOHANG) == pid);
  l->pid = 0;
  ck_assert_msg (WIFEXITED (status), "ended by signal %d: %s",
                 WTERMSIG (status), logd_messages (l));
  return WEXITSTATUS (status);
}

void
logd_clean (struct logd *l)
{
  char command[128];

  logd_kill (l);
  if (!l->dir[0])
    return;
  snprintf (command, sizeof command, "rm -rf '%s'", l->dir);
  ck_assert_int_eq (system (command), 0);
}

const char *
logd_file (const struct logd *l, const char *name)
{
  static char path[256];

  snprintf (path, sizeof path, "%s/%s", l->dir, name);
  return path;
}

const char *
logd_messages (const struct logd *l)
{
  static char text[65536];
  FILE *f = fopen (l->err, "r");
  size_t len = f ? fread (text, 1, sizeof text - 1, f) : 0;

  if (f)
    fclose (f);
  text[len] = '\0';
  return text;
}

void
poll_for (int ms)
{
  poll (NULL, 0, ms);
}

/* --- bytes --- */

void
peer_connect (struct peer *p, const struct logd *l, char who)
{
  static uint64_t base;
  uint64_t features = p->features;

  if (p->in.data || p->out.data)
    peer_close (p);
  memset (p, 0, sizeof *p);
  p->features = features;
  p->next_id = base += 1000000; /* a session uses no id twice */
  memset (p->session, who, sizeof p->session);
  memset (p->uuid, 'u', sizeof p->uuid);
  p->fd = try_connect (l->socket);
  ck_assert_msg (p->fd >= 0, "connect: %s", strerror (errno));
}

void
peer_close (struct peer *p)
{
  close (p->fd);
  buffer_free (&p->in);
  buffer_free (&p->out);
}

bool
peer_send_bytes (struct peer *p, const void *data, size_t len)
{
  const char *next = data;

  while (len > 0) {
    ssize_t n = send (p->fd, next, len, MSG_NOSIGNAL);

    if (n == -1)
      return false;
    next += n;
    len -= (size_t) n;
  }
  return true;
}

void
peer_flush (struct peer *p)
{
  ck_assert (peer_send_bytes (p, p->out.data, p->out.len));
  p->out.len = 0;
}

uint64_t
peer_put (struct peer *p, struct proto_msg *msg)
{
  if (msg->id == 0)
    msg->id = ++p->next_id;
  ck_assert_int_eq (proto_encode (&p->out, msg), 0);
  return msg->id;
}

void
peer_crc (struct peer *p)
{
  uint8_t *field = p->out.data + 24;
  uint32_t crc;

  memset (field, 0, 4);
  crc = htobe32 ((uint32_t) crc32 (0, p->out.data, (uInt) p->out.len));
  memcpy (field, &crc, 4);
}

static bool
wait_readable (int fd)
{
  struct pollfd pfd = {.fd = fd, .events = POLLIN};

  return poll (&pfd, 1, PATIENCE_MS) == 1;
}

bool
peer_has_input (const struct peer *p)
{
  struct pollfd pfd = {.fd = p->fd, .events = POLLIN};

  return p->in.len > p->frame || poll (&pfd, 1, 0) == 1;
}

/* Until so many bytes are there. */
static bool
fill (struct peer *p, size_t len)
{
  if (p->in.cap < 2 * PROTO_MAX_FRAME) {
    p->in.cap = 2 * PROTO_MAX_FRAME;
    p->in.data = realloc (p->in.data, p->in.cap);
    ck_assert_ptr_nonnull (p->in.data);
  }
  while (p->in.len < len) {
    ssize_t n;

    ck_assert_msg (wait_readable (p->fd), "the server does not answer");
    n = recv (p->fd, p->in.data + p->in.len, p->in.cap - p->in.len, 0);
    if (n <= 0)
      return false;
    p->in.len += (size_t) n;
  }
  return true;
}

static char last_text[PROTO_MAX_PAYLOAD];

const char *
peer_text (void)
{
  return last_text;
}

static void
keep_text (const struct proto_msg *msg)
{
  if (!msg->error && msg->type != PROTO_STATUS_INFO &&
      msg->type != PROTO_RELEASE)
    return;
  memcpy (last_text, msg->text.s, msg->text.len);
  last_text[msg->text.len] = '\0';
}

bool
peer_next (struct peer *p, struct proto_msg *msg)
{
  if (p->frame > 0) {
    p->in.len -= p->frame;
    memmove (p->in.data, p->in.data + p->frame, p->in.len);
    p->frame = 0;
  }
  if (!fill (p, PROTO_HEADER_SIZE))
    return false;
  p->frame = proto_frame_length (p->in.data);
  ck_assert_uint_gt (p->frame, 0);
  if (!fill (p, p->frame))
    return false;
  ck_assert_int_eq (proto_decode (msg, p->in.data, p->frame), PROTO_OK);
  keep_text (msg);
  return true;
}

void
peer_reply (struct peer *p, uint64_t id, struct proto_msg *msg)
{
  ck_assert_msg (peer_next (p, msg), "connection closed");
  ck_assert_msg (msg->id == id, "reply to %s instead: %s %s",
                 proto_type_name (msg->type), proto_error_name (msg->error),
                 msg->error ? peer_text () : "");
}

/* --- requests --- */

static struct proto_str
string (const char *s)
{
  return (struct proto_str){s, (uint32_t) strlen (s)};
}

uint64_t
peer_hello (struct peer *p)
{
  struct proto_msg msg = {.type = PROTO_HELLO};

  msg.hello.version = PROTO_VERSION;
  msg.hello.features = p->features;
  msg.hello.software = string ("test");
  return peer_put (p, &msg);
}

void
peer_open (struct peer *p, const struct logd *l, char who)
{
  struct proto_msg msg;
  uint64_t id;

  peer_connect (p, l, who);
  id = peer_hello (p);
  peer_flush (p);
  peer_reply (p, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_OK);
}

uint64_t
peer_put_attach (struct peer *p, const char *name, unsigned flags,
                 uint64_t flush_number)
{
  struct proto_msg msg = {.type = PROTO_ATTACH};
  char host[] = "host-?";

  host[5] = (char) p->session[0];
  msg.attach.flags = flags;
  memcpy (msg.attach.session, p->session, PROTO_ID_SIZE);
  msg.attach.name = string (name);
  msg.attach.host = string (host);
  msg.attach.pid = (uint32_t) getpid ();
  if (flags & PROTO_ATTACH_AGAIN) {
    memcpy (msg.attach.uuid, p->uuid, PROTO_ID_SIZE);
    msg.attach.epoch = p->epoch;
    msg.attach.flush_number = flush_number;
  }
  return peer_put (p, &msg);
}

static uint64_t
count_runs (const struct proto_runs *runs)
{
  uint64_t count = 0;

  for (uint32_t i = 0; i < runs->nr; ++i)
    count += proto_run_get (runs, i).nr;
  return count;
}

enum proto_error
peer_attached (struct peer *p)
{
  struct proto_msg msg;

  p->marked = p->missed = 0;
  p->min_block = 0;
  do {
    ck_assert_msg (peer_next (p, &msg), "connection closed");
    if (msg.type == PROTO_STATE_RECORD)
      p->min_block = msg.record.min_block;
    else if (msg.type == PROTO_STATE_RUNS &&
             msg.change.map == PROTO_MAP_MARKED)
      p->marked += count_runs (&msg.change.runs);
    else if (msg.type == PROTO_STATE_RUNS)
      p->missed += count_runs (&msg.change.runs);
  } while (msg.flags & PROTO_MORE);
  ck_assert_int_eq (msg.type, PROTO_ATTACH);
  if (msg.error)
    return (enum proto_error) msg.error;
  p->attached = msg.attached;
  p->epoch = msg.attached.epoch;
  return PROTO_OK;
}

enum proto_error
peer_attach (struct peer *p, const char *name, unsigned flags)
{
  peer_put_attach (p, name, flags, 0);
  peer_flush (p);
  return peer_attached (p);
}

enum proto_error
peer_attach_again (struct peer *p, const char *name, uint64_t flush_number)
{
  peer_put_attach (p, name, PROTO_ATTACH_AGAIN, flush_number);
  peer_flush (p);
  return peer_attached (p);
}

void
peer_create (struct peer *p, uint64_t regions)
{
  struct proto_msg msg = {.type = PROTO_CREATE};

  msg.create.epoch = p->epoch;
  memcpy (msg.create.uuid, p->uuid, PROTO_ID_SIZE);
  msg.create.size = regions * PEER_REGION;
  msg.create.region_size = PEER_REGION;
  msg.create.generation = 1;
  peer_put (p, &msg);
  peer_flush (p);
}

uint64_t
peer_put_runs (struct peer *p, unsigned type, uint64_t first, uint32_t nr)
{
  struct proto_msg msg = {.type = (uint16_t) type, .id = ++p->next_id};
  struct proto_runs_frame f;

  msg.change.epoch = p->epoch;
  ck_assert_int_eq (proto_runs_begin (&f, &p->out, &msg), 0);
  ck_assert_int_eq (proto_runs_add (&f, first, nr), 0);
  proto_runs_end (&f);
  return msg.id;
}

uint64_t
peer_put_flush (struct peer *p, unsigned type, unsigned flags)
{
  struct proto_msg msg = {.type = (uint16_t) type};

  msg.flush.epoch = p->epoch;
  msg.flush.flags = flags;
  return peer_put (p, &msg);
}

enum proto_error
peer_flush_log (struct peer *p, unsigned flags, uint64_t *number)
{
  uint64_t id = peer_put_flush (p, PROTO_FLUSH, flags);
  struct proto_msg msg;

  peer_flush (p);
  peer_reply (p, id, &msg);
  if (number && !msg.error)
    *number = msg.flushed.flush_number;
  return (enum proto_error) msg.error;
}

enum proto_error
peer_simple (struct peer *p, unsigned type)
{
  uint64_t id = peer_put_flush (p, type, 0);
  struct proto_msg msg;

  peer_flush (p);
  peer_reply (p, id, &msg);
  return (enum proto_error) msg.error;
}

enum proto_error
peer_named (struct peer *p, unsigned type, const char *name, unsigned flags)
{
  struct proto_msg msg = {.type = (uint16_t) type};
  uint64_t id;

  msg.named.flags = flags;
  msg.named.name = string (name);
  id = peer_put (p, &msg);
  peer_flush (p);
  peer_reply (p, id, &msg);
  return (enum proto_error) msg.error;
}

bool
peer_is_clean (struct peer *p, uint64_t region)
{
  struct proto_msg msg = {.type = PROTO_IS_CLEAN, .query.first = region};
  uint64_t id = peer_put (p, &msg);

  peer_flush (p);
  peer_reply (p, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_OK);
  return msg.answer.value;
}
