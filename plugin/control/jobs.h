/* SPDX-License-Identifier: BSD-3-Clause */

/* Commands that block, one at a time, in a thread of their own, so that the
 * control socket answers others meanwhile.
 */

#ifndef NBDMIRROR_JOBS_H
#define NBDMIRROR_JOBS_H

struct json_object;
struct jobs;
struct mirror;

struct job {
  struct json_object *request;
  struct json_object *reply; /* when it is done */
  void *client;              /* of the owner; NULL: nobody waits for it */
  struct job *next;
};

/* on_done is called in the thread, after each job.  NULL with errno set. */
struct jobs *jobs_start (struct mirror *m, void (*on_done) (void *opaque),
                         void *opaque);

/* What is under way ends first, the others are not begun.  jobs_take_done still
 * works, and jobs_free frees the rest.  Blocks.
 */
void jobs_stop (struct jobs *j);
void jobs_free (struct jobs *j); /* NULL is allowed */

/* Takes the request over.  NULL with errno set; else the job is the queue's until
 * jobs_take_done returns it.
 */
struct job *jobs_add (struct jobs *j, struct json_object *request,
                      void *client);

/* Nobody waits for it any more. */
void jobs_forget (struct jobs *j, struct job *job);

/* One that is done, or NULL.  job_free frees it and what it still has. */
struct job *jobs_take_done (struct jobs *j);
void job_free (struct job *job);

#endif /* NBDMIRROR_JOBS_H */
