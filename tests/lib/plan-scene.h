/* SPDX-License-Identifier: BSD-3-Clause */

/* A start-up without I/O: logs and legs are built by hand, what the legs hold
 * is said by the scene, and then it is looked at what the plan is.
 */

#ifndef NBDMIRROR_PLAN_SCENE_H
#define NBDMIRROR_PLAN_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"
#include "probe.h"

#define MIB (UINT64_C (1) << 20)
#define LEG_SIZE (64 * MIB)
#define REGION UINT32_C (0x80000)
#define NR_REGIONS (LEG_SIZE / REGION)

/* What a start-up finds, and what it decides. */
struct scene {
  struct mirror_config config;
  struct log_info log;
  struct log_record record;
  struct leg leg[MIRROR_MAX_LEGS];
  struct plan_input in;
  enum probe_answer empty[MIRROR_MAX_LEGS]; /* by number of the leg */
  enum probe_answer same[MIRROR_MAX_LEGS];
  unsigned data_at_end; /* mask of legs that are empty but for their ends */
  unsigned empty_asked, same_asked; /* masks of leg numbers */
  struct plan plan;
};

extern struct scene *scene;

/* For each test: two legs /a and /b that hold data and agree, a new log /l. */
void scene_setup (void);
void scene_teardown (void);

/* --- what is found --- */

/* Leg i is here, a file with this identity. */
void name_leg (unsigned i, const char *name, uint8_t id);

/* Named, but not here; the word "missing" in its place. */
void absent (unsigned i);
void missing_word (unsigned i);

/* The log, and one of its records. */
void found (enum log_found how);
void record (unsigned slot, enum log_leg_state state, const char *name,
             uint8_t id);

/* A log of ours that knows legs /a and /b, in-sync, generation 5; the same
 * after the kernel used it; one of the kernel's own; a damaged one; no log.
 */
void our_log (void);
void kernel_used_our_log (void);
void kernel_log (void);
void damaged_log (void);
void core_log (void);

/* source=N@G was given. */
void override (int leg, uint64_t generation);

/* --- what is expected of the plan --- */

void decide (void);

/* It decides to serve from this slot; to refuse, with these words in the
 * message, and also with these.
 */
void serves (unsigned source);
void refuses (const char *words);
void also_says (const char *words);
void does_not_say (const char *words);
void notes (const char *words);

void slot_is (unsigned slot, int leg, bool here, bool fresh,
              enum plan_miss miss);
void slot_is_free (unsigned slot);

#endif /* NBDMIRROR_PLAN_SCENE_H */
