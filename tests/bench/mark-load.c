/* SPDX-License-Identifier: BSD-3-Clause */

/* Load for a log server; see usage. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "mark-client.h"
#include "mark-load.h"

static const char usage[] =
  "mark-load pipelined|lone --server PORT|PATH [OPTION...]\n"
  "\n"
  "pipelined: how many marks does the server make durable in a second?\n"
  "  --connections N  each with a log of its own (8)\n"
  "  --depth N        batches of each that are under way (8)\n"
  "  --batch N        regions in a batch, which is marks and a flush (16)\n"
  "  --regions N      of each log; when all are marked they are cleared\n"
  "                   (65536)\n"
  "  --seconds N      (5)\n"
  "  --memory         logs are kept in the server's memory\n"
  "lone: how long does one mark take, compared with a round trip on the\n"
  "loopback and a durable write?\n"
  "  --dir DIR        where the server's logs are\n"
  "  --samples N      (2000)\n"
  "  --regions N, --memory\n";

#define RENEW_NS (2 * NSEC_PER_SEC)
#define WARM_NS NSEC_PER_SEC

/* --- pipelined --- */

struct batch {
  uint64_t id; /* of the flush; 0 = none */
  uint64_t marks, clears, asked;
};

struct pipe {
  struct mark_client *client;
  struct batch *batches;
  uint64_t renew; /* when */
  uint64_t flush_number;
};

struct totals {
  uint64_t marks, clears, flushes, durable, latency; /* ns, summed up */
};

static void
next_batch (const struct load_options *o, struct pipe *p, struct batch *b)
{
  struct mark_client *c = p->client;

  b->clears = c->used == c->regions ? mark_client_clear (c) : 0;
  b->marks = b->clears ? 0 : mark_client_mark (c, o->batch);
  b->id = mark_client_flush (c, b->clears ? PROTO_FLUSH_COMMIT : 0);
  b->asked = now_ns ();
}

static void
take_reply (const struct load_options *o, struct pipe *p,
            const struct proto_msg *msg, struct totals *t)
{
  struct batch *b = p->batches;

  if (msg->type != PROTO_FLUSH)
    return;
  while (b->id != msg->id)
    if (++b == p->batches + o->depth)
      die ("an answer that nobody asked for");
  t->marks += b->marks;
  t->clears += b->clears;
  t->flushes++;
  t->latency += now_ns () - b->asked;
  if (msg->flushed.flush_number > p->flush_number) {
    t->durable += msg->flushed.flush_number - p->flush_number;
    p->flush_number = msg->flushed.flush_number;
  }
  next_batch (o, p, b);
}

static void
run_pipe (const struct load_options *o, struct pipe *p, short events,
          struct totals *t)
{
  struct proto_msg msg;
  uint64_t now = now_ns ();

  if (events & ~POLLOUT)
    mark_client_receive (p->client);
  while (mark_client_take (p->client, &msg))
    take_reply (o, p, &msg, t);
  if (now > p->renew) {
    mark_client_renew (p->client);
    p->renew = now + RENEW_NS;
  }
  mark_client_send (p->client);
}

static void
run_until (const struct load_options *o, struct pipe *pipes, struct totals *t,
           uint64_t end)
{
  struct pollfd *fds = calloc (o->connections, sizeof *fds);

  if (!fds)
    die ("out of memory");
  *t = (struct totals){0};
  while (now_ns () < end) {
    for (uint64_t i = 0; i < o->connections; ++i) {
      fds[i].fd = pipes[i].client->fd;
      fds[i].events = POLLIN | (pipes[i].client->out.len ? POLLOUT : 0);
    }
    if (poll (fds, o->connections, 100) == -1)
      die ("poll: %s", strerror (errno));
    for (uint64_t i = 0; i < o->connections; ++i)
      if (fds[i].revents)
        run_pipe (o, &pipes[i], fds[i].revents, t);
  }
  free (fds);
}

static void
pipe_begin (const struct load_options *o, struct pipe *p, uint64_t i)
{
  char name[32];

  snprintf (name, sizeof name, "mark-load-%" PRIu64, i);
  p->client = mark_client_new (o->server);
  mark_client_begin (p->client, name, o->regions, o->memory);
  p->batches = calloc (o->depth, sizeof *p->batches);
  if (!p->batches)
    die ("out of memory");
  p->renew = now_ns () + RENEW_NS;
}

static void
print_totals (const struct load_options *o, const struct totals *t, double s)
{
  double durable = t->durable ? (double) t->durable : 1;

  printf ("%" PRIu64 " connections, %" PRIu64 " batches of %" PRIu64
          " regions each, %.1f s: %.0f marks/s, %.0f clears/s, "
          "%.0f flushes/s",
          o->connections, o->depth, o->batch, s, (double) t->marks / s,
          (double) t->clears / s, (double) t->flushes / s);
  if (t->durable)
    printf (", %.0f durable writes/s (each for %.1f flushes, %.1f marks)",
            (double) t->durable / s, (double) t->flushes / durable,
            (double) t->marks / durable);
  printf (", mean flush %.0f us\n",
          (double) t->latency / 1e3 / (double) (t->flushes ? t->flushes : 1));
}

static void
pipelined (const struct load_options *o)
{
  struct pipe *pipes = calloc (o->connections, sizeof *pipes);
  struct totals warm, t;
  uint64_t begin;

  if (!pipes)
    die ("out of memory");
  for (uint64_t i = 0; i < o->connections; ++i)
    pipe_begin (o, &pipes[i], i);
  for (uint64_t i = 0; i < o->connections; ++i) {
    for (uint64_t j = 0; j < o->depth; ++j)
      next_batch (o, &pipes[i], &pipes[i].batches[j]);
    mark_client_send (pipes[i].client);
  }
  run_until (o, pipes, &warm, now_ns () + WARM_NS);
  begin = now_ns ();
  run_until (o, pipes, &t, begin + o->seconds * NSEC_PER_SEC);
  print_totals (o, &t, (double) (now_ns () - begin) / 1e9);
  for (uint64_t i = 0; i < o->connections; ++i) {
    mark_client_end (pipes[i].client);
    free (pipes[i].batches);
  }
  free (pipes);
}

/* --- main --- */

static const struct option long_options[] = {
  {"server", required_argument, NULL, 's'},
  {"dir", required_argument, NULL, 'd'},
  {"connections", required_argument, NULL, 'c'},
  {"depth", required_argument, NULL, 'q'},
  {"batch", required_argument, NULL, 'b'},
  {"regions", required_argument, NULL, 'r'},
  {"seconds", required_argument, NULL, 't'},
  {"samples", required_argument, NULL, 'n'},
  {"memory", no_argument, NULL, 'm'},
  {"help", no_argument, NULL, 'h'},
  {NULL, 0, NULL, 0},
};

static uint64_t
number (const char *text, uint64_t max)
{
  char *end;
  uint64_t n = strtoull (text, &end, 10);

  if (end == text || *end || n < 1 || n > max)
    die ("%s: must be 1 to %" PRIu64, text, max);
  return n;
}

static void
set_option (struct load_options *o, int opt)
{
  switch (opt) {
  case 's':
    o->server = optarg;
    break;
  case 'd':
    o->dir = optarg;
    break;
  case 'c':
    o->connections = number (optarg, 1024);
    break;
  case 'q':
    o->depth = number (optarg, 64);
    break;
  case 'b':
    o->batch = number (optarg, PROTO_MAX_REGIONS);
    break;
  case 'r':
    o->regions = number (optarg, PROTO_MAX_REGIONS);
    break;
  case 't':
    o->seconds = number (optarg, 3600);
    break;
  case 'n':
    o->samples = number (optarg, 1000000);
    break;
  case 'm':
    o->memory = true;
    break;
  case 'h':
    fputs (usage, stdout);
    exit (0);
  default:
    fputs (usage, stderr);
    exit (64);
  }
}

int
main (int argc, char *argv[])
{
  struct load_options o = {.dir = ".",
                           .connections = 8,
                           .depth = 8,
                           .batch = 16,
                           .regions = 65536,
                           .seconds = 5,
                           .samples = 2000};
  int opt;

  while ((opt = getopt_long (argc, argv, "", long_options, NULL)) != -1)
    set_option (&o, opt);
  if (!o.server || optind != argc - 1)
    set_option (&o, '?');
  if (o.regions & (o.regions - 1))
    die ("--regions: must be a power of two");
  if (strcmp (argv[optind], "pipelined") == 0)
    pipelined (&o);
  else if (strcmp (argv[optind], "lone") == 0)
    lone (&o);
  else
    set_option (&o, '?');
  return 0;
}
