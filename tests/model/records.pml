/* SPDX-License-Identifier: BSD-3-Clause */

/* The legs' own records, which mirror.pml includes if RECORDS is defined: what
 * records.h, record-format.h and plan-records.h say of them.
 *
 * SAVES      copies that are made of the log, at any moment
 * LOG_LOSSES the log is gone, while the mirror is down
 * RESTORES   the copy takes its place then
 * SNAPSHOTS  a leg is copied at any moment, and the copy takes its place, the
 *            log gone, after a clean end
 * FORKS      legs go on with a copy of which they can't know that it is one, and
 *            begin a second line, while others know what the first acknowledged
 * ENDS       clean ends
 * RETURNS    a leg comes back (with RETURN)
 */

#ifndef SAVES
#define SAVES 0
#endif
#ifndef LOG_LOSSES
#define LOG_LOSSES 1
#endif
#ifndef RESTORES
#define RESTORES SAVES
#endif
#ifndef SNAPSHOTS
#define SNAPSHOTS 0
#endif
#ifndef FORKS
#define FORKS 0
#endif
#if FORKS > 0 && (LOG_LOSSES > 0 || NBLK > 1)
#error "FORKS is for one block and a log that is not lost"
#endif
#ifndef RETURNS
#define RETURNS 1
#endif
#ifndef ENDS
#define ENDS 0
#endif
#if NWRITER > 1 || FLUSHES > 0
#error "RECORDS is for one writer and no flushes of the client"
#endif

/* A lost log may have been so many generations ahead of the records. */
#ifdef MISTAKE_R_NEXT_GENERATION
#define GENERATIONS 1
#else
#define GENERATIONS (2 * NLEG)
#endif

/* --- what survives a crash of the mirror --- */

byte d_gen = 1; /* of the log */
bit d_none;     /* there is no log */
bit d_old;      /* it is the copy */
#if LOG_LOSSES > 0
#define LIVES /* of the log, more than one */
byte d_knew = ALL & ~STALE; /* legs that have been in-sync since its life began */
byte c_knew;                /* by the copy */
#define KNEW(leg) ((d_knew & BIT (leg)) != 0)
#else
#define KNEW(leg) true
#endif

/* The record of each leg; its beat. */
byte r_gen[NLEG] = 1, r_seq[NLEG] = 1, r_prim[NLEG];
byte r_sync[NLEG] = ALL & ~STALE;
byte r_clean; /* mask */
byte b_gen[NLEG] = 1;

/* The copy of the log; 0: there is none. */
byte c_gen, c_miss, c_sync, c_prim;
bit c_mark;
bit c_moved; /* the log has changed since */
bit c_later; /* its flush number is higher */
byte b_later; /* legs whose beat has a higher flush number than the copy */
byte c_told;  /* legs that were told something after the log had changed */

#if SNAPSHOTS > 0
byte sn_leg; /* + 1 */
byte sn_gen, sn_seq, sn_prim, sn_sync, sn_clean, sn_med;
byte n_snapshot = SNAPSHOTS;
#endif

#if FORKS > 0
byte n_fork = FORKS;
byte ln_first; /* legs of the first line */
byte ln_base;  /* what the others hold of it */
#define SECOND_LINE \
  (ln_first && (acked[0] > ln_base || seen[0] > ln_base))
#endif

byte n_save = SAVES, n_gone = LOG_LOSSES, n_restore = RESTORES;
byte n_end = ENDS;

/* --- the mirror --- */

byte l_gen = 1, t_gen; /* truth.c, and the snapshot of a cycle of the log */
byte rc_seq = 1;       /* records.sequence */

/* Who takes down states of the mirror, and theirs. */
#define X_WRITER 0 /* start and end, too */
#define X_SWEEP 1
#ifdef RETURN
#define X_RETURN 2
#define NX 3
byte n_return = RETURNS;
byte j_pc; /* rejoin-try.c, records_renew: 1 log, 2 records */
#else
#define NX 2
#endif
byte x_gen[NX], x_sync[NX], x_prim[NX], x_slots[NX];
byte x_newer[NX]; /* whose state was taken down after this one */
byte x_has;       /* who has one */
byte x_late;      /* a newer one has been written */
bit x_clean;      /* it is the end's */
bit x_joining;    /* the sweep's has somebody joining */
bit x_overtaken;  /* ... and another one was taken down since */
byte rq, rq_ok, rq_bad; /* who waits for a cycle; the answers */

/* What was written last, and to whom. */
byte z_gen = 1, z_sync = ALL & ~STALE, z_prim, z_slots = ALL & ~OUT;
bit z_clean;

/* One cycle at a time: whose, + 1; legs that were not written yet. */
byte rc_x, rc_left, rc_bad;

byte nw, e; /* only used within a step */

#ifdef MISTAKE_R_LOG_FIRST
#define JOINS_IN_LOG true
#else
#define JOINS_IN_LOG false
#endif
#ifdef MISTAKE_R_OVERTAKEN
#define OVERTAKEN false
#else
#define OVERTAKEN x_overtaken
#endif
#ifdef MISTAKE_R_CHECK
#define STILL_PROMOTING s_ready
#else
#define STILL_PROMOTING (promoting & ~l_miss)
#endif

inline promotion_ends ()
{
  records_drop (X_SWEEP);
  x_joining = 0;
  x_overtaken = 0;
  s_ready = 0;
  s_pc = S_IDLE
}

#define RANSWERED(who) ((rq_ok | rq_bad) & BIT (who))

/* --- the order of the cycles: records.c --- */

/* records_take_locked */
inline records_take (who, joining)
{
  x_overtaken = x_joining;
  x_gen[who] = l_gen;
  x_sync[who] = in_sync | l_sync | (joining);
  x_prim[who] = prim;
  x_slots[who] = WRITING_SET;
  e = 0;
  do
  :: e < NX ->
     if
     :: (x_has & BIT (e)) -> x_newer[e] = x_newer[e] | BIT (who)
     :: else
     fi;
     e++
  :: else -> break
  od;
  e = 0;
  x_newer[who] = 0;
  x_late = x_late & ~BIT (who);
  x_has = x_has | BIT (who)
}

inline records_drop (who)
{
  x_gen[who] = 0;
  x_sync[who] = 0;
  x_prim[who] = 0;
  x_slots[who] = 0;
  x_newer[who] = 0;
  x_late = x_late & ~BIT (who);
  x_has = x_has & ~BIT (who);
  e = 0;
  do
  :: e < NX -> x_newer[e] = x_newer[e] & ~BIT (who); e++
  :: else -> break
  od;
  e = 0
}

inline records_ask (who)
{
  rq = rq | BIT (who)
}

inline records_take_answer (who)
{
  rq_ok = rq_ok & ~BIT (who);
  rq_bad = rq_bad & ~BIT (who);
  records_drop (who)
}

/* rec->last.number */
inline records_number (who)
{
  e = 0;
  do
  :: e < NX ->
     if
     :: (x_has & BIT (e)) && (x_newer[e] & BIT (who)) ->
        x_late = x_late | BIT (e)
     :: else
     fi;
     e++
  :: else -> break
  od;
  e = 0
}

#define IS_WRITTEN(who) \
  (x_gen[who] == z_gen && x_sync[who] == z_sync && x_prim[who] == z_prim && \
   x_clean == z_clean && !(x_slots[who] & ~z_slots))

#ifdef MISTAKE_R_LATE
#define IS_LATE(who) false
#else
#define IS_LATE(who) ((x_late & BIT (who)) != 0)
#endif

/* It would try for ever to tell a last leg that is lost. */
#define RECORDS_GO (rc_x == 0 && (in_sync & ~lost))

/* records_write, write_state, begin_use */
inline records_begin (who)
{
  rq = rq & ~BIT (who);
  if
  :: IS_LATE (who) ->
     if
     :: who == X_SWEEP && x_joining -> rq_bad = rq_bad | BIT (who)
     :: else -> rq_ok = rq_ok | BIT (who)
     fi
  :: else ->
     if
     :: IS_WRITTEN (who) ->
        records_number (who);
        rq_ok = rq_ok | BIT (who)
     :: else ->
        rc_left = x_slots[who] & WRITING_SET;
        rc_x = who + 1
     fi
  fi
}

#define COPY_GEN (c_gen + ((c_sync & c_miss) != 0))

inline record_of (leg, who)
{
  r_gen[leg] = x_gen[who];
  r_seq[leg] = rc_seq + 1;
  r_sync[leg] = x_sync[who];
  r_prim[leg] = x_prim[who];
  if
  :: x_clean -> r_clean = r_clean | BIT (leg)
  :: else -> r_clean = r_clean & ~BIT (leg)
  fi;
  if
  :: c_gen && x_gen[who] > COPY_GEN ->
     c_told = c_told | BIT (leg)
  :: else
  fi
}

/* beat.c: what the log has stored. */
#ifdef MISTAKE_R_BEAT
#define BEAT_GEN l_gen
#else
#define BEAT_GEN d_gen
#endif
#define BEAT_CHANGES(leg) \
  (b_gen[leg] != BEAT_GEN || \
   (c_moved && !(c_told & BIT (leg))) || \
   (c_later && !(b_later & BIT (leg))))

inline beat (leg)
{
  b_gen[leg] = BEAT_GEN;
  if
  :: c_later -> b_later = b_later | BIT (leg)
  :: else -> b_later = b_later & ~BIT (leg)
  fi;
  if
  :: c_moved -> c_told = c_told | BIT (leg)
  :: else
  fi
}

/* --- the log --- */

inline log_moves ()
{
  c_moved = (c_gen != 0);
  c_later = (c_gen != 0)
}

/* --- start: plan-records.c, plan-newest.c, plan-lost.c, lost-source.c --- */

#define NEWER(a, b) \
  (r_gen[a] > r_gen[b] || (r_gen[a] == r_gen[b] && r_seq[a] > r_seq[b]))

inline newest (mask)
{
  lowest (nw, mask);
  if
  :: ((mask) & 2) && NEWER (1, nw) -> nw = 1
  :: else
  fi
#if NLEG > 2
  ;
  if
  :: ((mask) & 4) && NEWER (2, nw) -> nw = 2
  :: else
  fi
#endif
}

/* disk-load.c:load_truth: a leg that misses something leaves the in-sync ones,
 * so that is a new generation.
 */
#define LOADED_GEN (d_gen + ((d_sync & d_miss) != 0))

/* The leg has seen a later state of the log. */
#define LATER(leg) \
  (r_gen[leg] > LOADED_GEN || b_gen[leg] > LOADED_GEN || \
   (d_old && b_gen[leg] == LOADED_GEN && (b_later & BIT (leg))))
#if NLEG > 2
#define SOME_LATER(x) \
  (((x & 1) && LATER (0)) || ((x & 2) && LATER (1)) || ((x & 4) && LATER (2)))
#else
#define SOME_LATER(x) (((x & 1) && LATER (0)) || ((x & 2) && LATER (1)))
#endif

/* plan-newest.c:plan_is_elsewhere, of the newest record */
#ifdef MISTAKE_R_OTHER_LOG
#define OTHER_LOG false
#else
#define OTHER_LOG \
  ((r_sync[nw] & BIT (nw)) && !(d_sync & BIT (nw)) && \
   !(r_sync[nw] & d_sync) && KNEW (nw))
#endif

#ifdef MISTAKE_R_LOG
#define LOG_IS_LOST(x) (d_none)
#else
#define LOG_IS_LOST(x) (d_none || SOME_LATER (x) || OTHER_LOG)
#endif

/* All that could tell is absent: it is as if the mirror had ended then. */
#define NOBODY_KNOWS(x) (d_old && !(c_told & (x)))

#define SAME(a) \
  (!(r_sync[nw] & BIT (a)) || \
   (r_gen[a] == r_gen[nw] && r_seq[a] == r_seq[nw] && (r_clean & BIT (a))))
#ifdef MISTAKE_R_CLEAN
#define ALL_CLEAN (r_clean & BIT (nw))
#elif NLEG > 2
#define ALL_CLEAN (SAME (0) && SAME (1) && SAME (2))
#else
#define ALL_CLEAN (SAME (0) && SAME (1))
#endif

/* Of the in-sync legs those whose record is the newest: what the others hold
 * may be older, if somebody put back an old copy of them.
 */
#define UP_TO_DATE(a) \
  ((r_sync[nw] & BIT (a)) && r_gen[a] == r_gen[nw] && r_seq[a] == r_seq[nw])
#if NLEG > 2
#define ALL_UP_TO_DATE \
  (UP_TO_DATE (0) | (UP_TO_DATE (1) << 1) | (UP_TO_DATE (2) << 2))
#else
#define ALL_UP_TO_DATE (UP_TO_DATE (0) | (UP_TO_DATE (1) << 1))
#endif

inline at_least (g)
{
  if
  :: l_gen < (g) -> l_gen = g
  :: else
  fi
}

/* A new life, made of the records of the legs x. */
inline begin_new (here)
{
  at_least (r_gen[nw]);
  e = 0;
  do
  :: e < NLEG ->
     if
     :: (here & BIT (e)) -> at_least (b_gen[e])
     :: else
     fi;
     e++
  :: else -> break
  od;
  e = 0;
  if
  :: !d_none -> at_least (LOADED_GEN)
  :: else
  fi;
  l_gen = l_gen + GENERATIONS;
#ifdef MISTAKE_R_SOURCE
  prim = r_prim[nw];
#else
  if
  :: UP_TO_DATE (r_prim[nw]) || !ALL_UP_TO_DATE -> prim = r_prim[nw]
  :: else -> lowest (prim, ALL_UP_TO_DATE)
  fi;
#endif
  l_prim = prim;
  l_sync = (ALL_CLEAN -> r_sync[nw] : BIT (prim));
#ifdef LATE
  quar = ANY_LATE && !ALL_CLEAN;
#endif
  l_miss = ALL & ~l_sync;
  in_sync = here;
  rc_seq = r_seq[nw];
  state = APPLY_CREATE
}

#ifdef MISTAKE_R_ABSENT
#define MAY_SERVE(x) ((r_sync[nw] & (x)) && (BIT (r_prim[nw]) & (x)))
#else
#define MAY_SERVE(x) \
  (!(r_sync[nw] & ~(x)) && (!(r_clean & BIT (nw)) || ALL_UP_TO_DATE))
#endif

/* record-order.c:record_knows: a leg that was the only one in-sync can't have been
 * left behind by one that does not call it in-sync.
 */
#define ALONE(leg) (r_sync[leg] == BIT (leg))
#define UNKNOWN(leg, x) \
  (((x) & BIT (leg)) && ALONE (leg) && !(r_sync[nw] & BIT (leg)))
#if defined MISTAKE_R_TWO_LINES
#define TWO_LINES(x) false
#elif NLEG > 2
#define TWO_LINES(x) (UNKNOWN (0, x) || UNKNOWN (1, x) || UNKNOWN (2, x))
#else
#define TWO_LINES(x) (UNKNOWN (0, x) || UNKNOWN (1, x))
#endif

#if FORKS == 0
#define A_FORK false
#define LINE_IS_ABSENT(x) false
#else
#define A_FORK ln_first
/* What was acknowledged in the first line, and in the second, is not lost
 * without a word.
 */
inline check_lines (legs)
{
  assert (!(SECOND_LINE && (ln_first & (legs)) && ((legs) & ~ln_first)));
  if
  :: (ln_first & (legs)) -> ln_first = 0; ln_base = 0 /* it goes on */
  :: else
  fi
}

/* The second line, which has served, is absent. */
#define LINE_IS_ABSENT(x) (SECOND_LINE && !((x) & ~ln_first))

/* The legs x begin the second line, if others know more: a client that reads
 * them is told what is too old, which nobody can help.
 */
inline fork (x)
{
  lowest (nw, x);
  if
  :: n_fork > 0 && (x) != ALL && (TRUSTED & (x)) &&
     (acked[0] > mem[K (nw, 0)] || seen[0] > mem[K (nw, 0)]) ->
     n_fork--;
     ln_first = ALL & ~(x);
     ln_base = mem[K (nw, 0)];
     acked[0] = 0;
     seen[0] = 0;
     newest (x);
     take_log ()
  :: else
  fi
}
#endif

/* The log is right. */
inline take_log ()
{
  rc_seq = r_seq[nw];
  l_gen = LOADED_GEN;
  log_is_taken ();
  log_moves (); /* the first flush writes a record in any case */
  begin_start ()
}

/* x: the legs that are here. */
inline plan_records ()
{
  newest (x);
#if SNAPSHOTS == 0
  /* A false alarm.  A cut off cycle of who joins, the log lost, and a cut off first
   * cycle of the new life may look like two lines, and are refused.
   */
  assert (!(TWO_LINES (x) && !A_FORK && n_gone == LOG_LOSSES));
#endif
  assert (!(LOG_IS_LOST (x) && !d_none && !d_old && !A_FORK)); /* the same */
#if FORKS > 0
  if
  :: TWO_LINES (x) || LINE_IS_ABSENT (x) || NOBODY_KNOWS (x)
  :: else ->
     if
     :: (LOG_IS_LOST (x) && MAY_SERVE (x)) ||
        (!LOG_IS_LOST (x) && (TRUSTED & x)) -> check_lines (x)
     :: else
     fi
  fi;
#endif
  if
  :: TWO_LINES (x) || LINE_IS_ABSENT (x)
  :: !(TWO_LINES (x) || LINE_IS_ABSENT (x)) && NOBODY_KNOWS (x) ->
#if FORKS > 0
     fork (x)
#else
     skip
#endif
  :: else ->
     if
     :: LOG_IS_LOST (x) ->
        if
        :: MAY_SERVE (x) -> begin_new (x)
        :: else
        fi
     :: else ->
        if
        :: (TRUSTED & x) -> take_log ()
        :: else
        fi
     fi
  fi;
  nw = 0
}

/* With the plan applied: open.c:state_of, life.c:mirror_start */
inline start_records ()
{
  x = in_sync;
  in_sync = x & l_sync;
  resyncing = x & ~l_sync;
  z_slots = 0;
  records_take (X_WRITER, 0);
#ifdef MISTAKE_R_START
  state = UP;
  records_drop (X_WRITER);
  e = 0
#else
  records_ask (X_WRITER);
  state = APPLY_RECORDS
#endif
}

inline forget_records ()
{
  l_gen = 0; t_gen = 0; rc_seq = 0;
  e = 0;
  do
  :: e < NX ->
     x_gen[e] = 0; x_sync[e] = 0; x_prim[e] = 0; x_slots[e] = 0;
     x_newer[e] = 0;
     e++
  :: else -> break
  od;
  e = 0;
  x_has = 0; x_late = 0; x_clean = 0; x_joining = 0; x_overtaken = 0;
  rq = 0; rq_ok = 0; rq_bad = 0;
  z_gen = 0; z_sync = 0; z_prim = 0; z_slots = 0; z_clean = 0;
#ifdef RETURN
  j_pc = 0;
#endif
  rc_x = 0; rc_left = 0; rc_bad = 0
}

/* Some leg's record still calls these in-sync. */
#if NLEG > 2
#define IN_SOME_RECORD (r_sync[0] | r_sync[1] | r_sync[2])
#else
#define IN_SOME_RECORD (r_sync[0] | r_sync[1])
#endif

#define RECORD_USERS | rc_left

/* Whether it is a copy does not matter any more. */
inline log_is_taken ()
{
  if
  :: d_old -> c_told = 0; b_later = 0
  :: else
  fi;
  d_old = 0
}

inline lose_log ()
{
  d_none = 1;
  d_mark = 0; d_miss = 0; d_sync = 0; d_prim = 0; d_gen = 0;
#ifdef LIVES
  d_knew = 0;
#endif
  log_is_taken ();
  c_moved = (c_gen != 0);
  c_later = 0
}

#if SNAPSHOTS > 0
inline copy_leg (leg)
{
  n_snapshot--;
  sn_leg = leg + 1;
  sn_gen = r_gen[leg];
  sn_seq = r_seq[leg];
  sn_prim = r_prim[leg];
  sn_sync = r_sync[leg];
  sn_clean = ((r_clean & BIT (leg)) != 0);
  sn_med = med[K (leg, 0)]
}

inline restore_leg ()
{
  l = sn_leg - 1;
  r_gen[l] = sn_gen;
  r_seq[l] = sn_seq;
  r_prim[l] = sn_prim;
  r_sync[l] = sn_sync;
  if
  :: !sn_clean -> r_clean = r_clean & ~BIT (l)
  :: else
  fi;
  med[K (l, 0)] = sn_med;
  mem[K (l, 0)] = sn_med;
  unfl = unfl & ~BIT (K (l, 0));
  sn_leg = 0; sn_gen = 0; sn_seq = 0; sn_prim = 0; sn_sync = 0;
  sn_clean = 0; sn_med = 0
}
#endif

inline forget_copy ()
{
  c_gen = 0; c_miss = 0; c_sync = 0; c_prim = 0; c_mark = 0;
#ifdef LIVES
  c_knew = 0;
#endif
  c_moved = 0; c_later = 0
}
