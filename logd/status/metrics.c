/* SPDX-License-Identifier: BSD-3-Clause */

/* The status for Prometheus: each metric with all logs, as its text format
 * wants.  Names of logs need no escapes.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "deadline.h"
#include "depot.h"
#include "log-status.h"
#include "logd.h"
#include "metrics.h"
#include "served.h"

#define PREFIX "nbdmirror_logd_"

struct metric {
  const char *name, *type, *help;
  double (*get) (const struct log_view *v);
};

static double
get_owned (const struct log_view *v)
{
  return v->served->lease.record.held && !v->served->lease.over;
}

static double
get_epoch (const struct log_view *v)
{
  return (double) v->served->lease.record.epoch;
}

static double
get_lease_left (const struct log_view *v)
{
  return (double) lease_left (&v->served->lease, v->now) / NSEC_PER_SEC;
}

static double
get_failed (const struct log_view *v)
{
  return v->status.failed;
}

static double
get_regions (const struct log_view *v)
{
  return (double) v->geo.nr_regions;
}

static double
get_dirty (const struct log_view *v)
{
  return (double) v->status.marked;
}

static double
get_out_of_sync (const struct log_view *v)
{
  return (double) v->status.out_of_sync;
}

static double
get_marks (const struct log_view *v)
{
  return (double) v->status.counters.marks;
}

static double
get_clears (const struct log_view *v)
{
  return (double) v->status.counters.clears;
}

static double
get_flush_errors (const struct log_view *v)
{
  return (double) v->status.counters.flush_errors;
}

static double
get_batches (const struct log_view *v)
{
  return (double) v->served->stats.batches;
}

static const struct metric metrics[] = {
  {"owned", "gauge", "The lease of the log's owner is not over.", get_owned},
  {"epoch", "gauge", "Sessions that have had the log.", get_epoch},
  {"lease_left_seconds", "gauge", "Until the lease ends.", get_lease_left},
  {"failed", "gauge", "The last flush to the store failed.", get_failed},
  {"regions", "gauge", "Regions of the log.", get_regions},
  {"dirty_regions", "gauge", "Regions with a mark.", get_dirty},
  {"out_of_sync_regions", "gauge", "Regions that a leg misses.",
   get_out_of_sync},
  {"marks_total", "counter", "Regions marked.", get_marks},
  {"clears_total", "counter", "Regions cleared.", get_clears},
  {"flush_errors_total", "counter", "Flushes that failed.", get_flush_errors},
  {"batches_total", "counter", "Cycles that served flushes.", get_batches},
};

#define NR_METRICS (sizeof metrics / sizeof metrics[0])

static void
print_head (FILE *f, const char *name, const char *type, const char *help)
{
  fprintf (f, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help,
           name, type);
}

static void
print_metric (FILE *f, struct server *s, const struct metric *m)
{
  struct log_view view;

  print_head (f, m->name, m->type, m->help);
  for (struct served *l = served_shown (s->logs); l;
       l = served_shown (l->next)) {
    status_view (l, &view);
    fprintf (f, PREFIX "%s{log=\"%s\"} %.15g\n", m->name, l->name,
             m->get (&view));
  }
}

static void
print_latency (FILE *f, const struct served *l)
{
  const struct served_stats *stats = &l->stats;
  uint64_t count = 0;

  for (unsigned i = 0; i < NR_LATENCIES - 1; ++i) {
    count += stats->latency[i];
    fprintf (f,
             PREFIX "flush_latency_seconds_bucket{log=\"%s\",le=\"%.15g\"} "
                    "%" PRIu64 "\n",
             l->name, (double) (UINT64_C (1) << i) / 1e6, count);
  }
  fprintf (f,
           PREFIX "flush_latency_seconds_bucket{log=\"%s\",le=\"+Inf\"} "
                  "%" PRIu64 "\n",
           l->name, stats->flushes);
  fprintf (f, PREFIX "flush_latency_seconds_sum{log=\"%s\"} %.15g\n", l->name,
           (double) stats->latency_sum / 1e6);
  fprintf (f, PREFIX "flush_latency_seconds_count{log=\"%s\"} %" PRIu64 "\n",
           l->name, stats->flushes);
}

char *
metrics_text (struct server *s)
{
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream (&text, &size);

  if (!f)
    return NULL;
  print_head (f, "clients", "gauge", "Connections.");
  fprintf (f, PREFIX "clients %u\n", s->nr_clients);
  if (s->depot->ops->metrics)
    s->depot->ops->metrics (s->depot, f, PREFIX);
  for (size_t i = 0; i < NR_METRICS; ++i)
    print_metric (f, s, &metrics[i]);
  print_head (f, "flush_latency_seconds", "histogram",
              "From a flush request to its answer.");
  for (struct served *l = served_shown (s->logs); l;
       l = served_shown (l->next))
    print_latency (f, l);
  if (fclose (f) == 0)
    return text;
  free (text);
  return NULL;
}
