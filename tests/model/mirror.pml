/* SPDX-License-Identifier: BSD-3-Clause */

/* The safety rules as a model for spin.  README beside this file says what is
 * modelled and what is not; ../check-model runs it.
 *
 * One region of NBLK blocks on NLEG legs.  A value is the number of the
 * write that wrote it, in the order in which writes got their range, so
 * "older" is "smaller".  Each thread of the mirror is a process that only
 * ever rests at the head of its loop; where the thread is stands in a global
 * variable *_pc, so that a crash ends all of them in one step.  An
 * alternative of a loop is what the code does in one critical section, or
 * one thing that the world does; its comment names the function it follows.
 *
 * Sets of legs are masks.  Names are those of the code where it has them.
 *
 * LATE         what was sent to a leg and not answered may land later
 * RETURN       a leg that failed or was absent comes back while the mirror
 *              runs
 * RECORDS      each leg has a record of its own (records.pml)
 * PAGES_STAY   what a flush failed to write is still read after the mirror
 *              was killed
 * FIX_S8       what the code does not do yet (README, "Open")
 * MISTAKE_*    breaks a rule
 * CLIENTS_ONLY only what a client can see counts
 */

#ifndef NLEG
#define NLEG 2
#endif
#ifndef NBLK
#define NBLK 1 /* blocks of the region */
#endif
#ifndef NWRITER
#define NWRITER 1 /* threads that write */
#endif
#ifndef WRITES
#define WRITES 2 /* as many as there will be */
#endif
#ifndef FLUSHES
#define FLUSHES 1 /* of the client */
#endif
#ifndef CRASHES
#define CRASHES 2 /* of the mirror */
#endif
#ifndef POWERCUTS
#define POWERCUTS 1 /* so many crashes may take the caches of legs along */
#endif
#ifndef ERRORS
#define ERRORS 1 /* a write or a flush of a leg fails */
#endif
#ifndef LOSSES
#define LOSSES 0 /* a connection to a leg is lost */
#endif
#ifndef ABSENCES
#define ABSENCES 0 /* starts without a leg that could have been there */
#endif
#ifndef LOGERRORS
#define LOGERRORS 0 /* a flush of the log fails, or lasts too long */
#endif
#ifndef STALE
#define STALE 0 /* legs that miss the region at first */
#endif
#ifndef OUT
#define OUT 0 /* of these, those that are not in use then */
#endif
#if defined LATE && NBLK + NWRITER > 2
#error "LATE is for one block and one writer"
#endif

#define ALL ((1 << NLEG) - 1)
#define BIT(l) (1 << (l))
#define K(l, b) ((l) * NBLK + (b)) /* block b of leg l */
#define NK (NLEG * NBLK)
#define BLK(i) ((i) % NBLK) /* the block that writer i writes */

/* --- what survives a crash of the mirror --- */

byte mem[NK];  /* what a read of the leg returns */
byte med[NK];  /* what is on its medium */
byte unfl;     /* mask of K: a flush will write it */
#ifdef LATE
byte late[NK]; /* value + 1 that may land until the quarantine is over */
#define ANY_LATE (late_mask != 0)
byte late_mask; /* legs with such writes */
#endif

/* The log's store: disk-write.c. */
bit d_mark;
byte d_miss = STALE;
byte d_sync = ALL & ~STALE; /* legs whose record says in-sync */
byte d_prim;
#define TRUSTED (d_sync & ~d_miss) /* a leg that misses something is stale */

/* What clients know. */
byte next = 1;      /* the next write */
byte acked[NBLK];   /* acknowledged last; may be 0 if seen is not older */
byte seen[NBLK];    /* read last */
byte durable[NBLK]; /* of these, a FLUSH was acknowledged after it */
byte spoilt;        /* legs that lost data, which is not recorded yet */

/* What may still happen. */
byte n_flush = FLUSHES, n_crash = CRASHES, n_power = POWERCUTS;
byte n_error = ERRORS, n_loss = LOSSES, n_absent = ABSENCES;
byte n_logerr = LOGERRORS;

/* --- the mirror --- */

#define DOWN 0
#define APPLY_FLUSH 1  /* apply.c:apply_ours: the first flush of the log */
#define APPLY_SOURCE 2 /* flush_source */
#define APPLY_CLEAR 3  /* clear_marks */
#define APPLY_COMMIT 4
#define UP 5
#define APPLY_CREATE 6  /* apply_new: dirty_log_create_as, commit */
#define APPLY_RECORDS 7 /* life.c:mirror_start */
#define APPLY_BEATS 8
#define END_RECORDS 9 /* mirror-worker.c: records_close, beats_close */
#define END_LOG 10
byte state = UP;

byte in_sync = ALL & ~STALE, resyncing = STALE & ~OUT, promoting;
byte prim;
byte lost;  /* leg->lost: it answers nothing any more */
byte ferr;  /* leg->flush_error */
bit unrec;  /* failures_recorded < failures */
byte rcov;  /* threads whose flush of the log began after the last failure */
#ifdef LATE
bit quar;   /* writes and copies in the region wait (S21) */
#endif

/* The region, hot.h. */
bit hot, dirty;
bit touched; /* last_seq changed since the sweep's step 1 */

/* The log in memory, truth.c. */
bit l_mark;
byte l_miss = STALE, l_sync = ALL & ~STALE, l_prim;

/* One cycle of the log at a time: its snapshot, and where it is. */
#define LOG_IDLE 0
#define LOG_LOWER_MAPS 1
#define LOG_LOWER_RECORD 2
#define LOG_RAISE 3
#define LOG_RAISE_MAPS 4
#define LOG_RAISE_RECORD 5
byte g_pc;
bit g_commit;
byte g_who;
bit t_mark;
byte t_miss, t_sync, t_prim;
/* Threads, as bits. */
#define T_WRITER(i) BIT (i)
#define T_FLUSH BIT (NWRITER)
#define T_SWEEP BIT (NWRITER + 1)
#define T_START BIT (NWRITER + 2)
#define T_RETURN BIT (NWRITER + 3)
byte g_want;        /* they wait for a cycle that begins from now on */
byte g_want_commit; /* of these: it must be a commit */
byte g_ok, g_failed; /* they have got their result */

/* Writers, write.c. */
#define W_IDLE 0
#define W_MARKS 1  /* write_begin: waits for its mark to be durable */
#define W_FAN 2    /* fan_out */
#define W_ACK 3    /* acknowledge_locked */
#define W_RECORD 4 /* ...: record_failures_locked */
#define W_LEGS 5   /* ...: records_write */
byte w_pc[NWRITER], w_v[NWRITER], w_legs[NWRITER], w_left[NWRITER];
byte w_bad[NWRITER];
byte w_err; /* mask of writers */

/* The client's flush, write.c:mirror_flush. */
#define F_IDLE 0
#define F_FAN 1
#define F_ACK 2
#define F_RECORD 3
byte f_pc, f_left, f_bad;
byte f_seen[NBLK];

/* The worker, sweep.c. */
#define S_IDLE 0
#define S_FAN 1
#define S_MISS 2   /* miss_outside */
#define S_LOWER 3
#define S_RAISE 4  /* raise_regions */
#define S_COMMIT 5
#define S_PROMOTE 6
#define S_PROMOTE_COMMIT 7
#define S_RECORD 8
#define S_PROMOTE_FLUSH 9
#define S_PROMOTE_LEGS 10
#define S_RECORD_LEGS 11
byte s_pc, s_left, s_bad, s_ready;
bit s_cand; /* the region was idle at step 1 */
bit s_fail; /* m->failures changed since step 1 */

/* The copier, resync.c and copy.c, and its recovery. */
#define C_IDLE 0
#define C_LOCK 1
#define C_FAN 2
#define C_END 3
byte c_pc, c_left, c_bad, c_v;
#if NBLK > 1
byte c_b;
#else
#define c_b 0
#endif
#define R_NONE 0
#define R_RUNNING 1
#define R_COPIED 2
#define R_SWEEPING 3
byte r_st, r_tgt;
bit r_spoiled;

byte l, b, i, x, y; /* only used within a step, zero between steps */

#define WRITING_SET (in_sync | resyncing)

/* Range b is held by a writer.  Shared holders (readers, the copier) do not
 * hold each other off.
 */
#if NWRITER == 1
#define LOCKED(b) (w_pc[0] != W_IDLE && BLK (0) == (b))
#define PENDING (w_pc[0] != W_IDLE)
#else
#define LOCKED(b) ((w_pc[0] != W_IDLE && BLK (0) == (b)) || \
                   (w_pc[1] != W_IDLE && BLK (1) == (b)))
#define PENDING (w_pc[0] != W_IDLE || w_pc[1] != W_IDLE)
#endif
#ifdef MISTAKE_S14
#define COPYING(b) false
#else
#define COPYING(b) (c_pc == C_FAN && c_b == (b))
#endif

/* The quarantine is over when nothing can land any more. */
#if defined LATE && !defined MISTAKE_S21
#define QUARANTINE (quar && ANY_LATE)
#define QUARANTINE_OF(legs) ((late_mask & (legs)) != 0)
#else
#define QUARANTINE false
#define QUARANTINE_OF(legs) false
#endif

/* --- helpers; part of a step --- */

#define SCRATCH_0 l = 0; x = 0; y = 0

inline pick_leg (mask)
{
  if
  :: (mask) & 1 -> l = 0
  :: (mask) & 2 -> l = 1
#if NLEG > 2
  :: (mask) & 4 -> l = 2
#endif
  fi
}

inline lowest (to, mask)
{
  if
  :: (mask) & 1 -> to = 0
  :: else ->
     if
     :: (mask) & 2 -> to = 1
     :: else -> to = NLEG - 1
     fi
  fi
}

/* The leg takes v into its cache; what was there before may have been
 * written back.
 */
inline cache_write (kk, v)
{
  if
  :: true
  :: (unfl & BIT (kk)) -> med[kk] = mem[kk]
  fi;
  mem[kk] = v;
  if
  :: med[kk] == mem[kk] -> unfl = unfl & ~BIT (kk)
  :: else -> unfl = unfl | BIT (kk)
  fi
}

inline flush_medium (leg)
{
  b = 0;
  do
  :: b < NBLK ->
     if
     :: (unfl & BIT (K (leg, b))) ->
        med[K (leg, b)] = mem[K (leg, b)]
     :: else
     fi;
     b++
  :: else -> break
  od;
  unfl = unfl & ~(((1 << NBLK) - 1) << K (leg, 0));
  b = 0
}

/* Power fails for the leg. */
inline lose_cache (leg)
{
  b = 0;
  do
  :: b < NBLK ->
     if
     :: true
     :: (unfl & BIT (K (leg, b))) -> med[K (leg, b)] = mem[K (leg, b)]
     fi;
     mem[K (leg, b)] = med[K (leg, b)];
     b++
  :: else -> break
  od;
  unfl = unfl & ~(((1 << NBLK) - 1) << K (leg, 0));
  b = 0
}

/* members.c: failures++ */
inline count_failure ()
{
  unrec = 1;
  rcov = 0;
  s_fail = (s_pc != S_IDLE)
}

/* truth.c:truth_leg_stale */
#ifdef RECORDS
#define LEG_STALE(bits) \
  l_gen = l_gen + ((l_sync & (bits)) != 0); \
  l_sync = l_sync & ~(bits)
#else
#define LEG_STALE(bits) l_sync = l_sync & ~(bits)
#endif

/* members.c:member_fail_locked */
#ifdef MISTAKE_S6
#define IS_LAST(bits) false
#else
#define IS_LAST(bits) (in_sync == (bits))
#endif

inline member_fail (bits)
{
  if
  :: (WRITING_SET & (bits)) != 0 && !IS_LAST (bits) ->
     if
     :: (in_sync & (bits)) -> r_spoiled = (r_st != R_NONE)
     :: else
     fi;
#ifndef MISTAKE_S5_STILL_USED
     in_sync = in_sync & ~(bits);
     resyncing = resyncing & ~(bits);
#endif
     promoting = promoting & ~(bits);
     /* truth.c:dirty_log_leg_failed */
#ifndef MISTAKE_S5
     if
     :: l_mark -> l_miss = l_miss | (bits)
     :: else
     fi;
#endif
     LEG_STALE (bits);
     if
     :: BIT (prim) == (bits) ->
        lowest (prim, in_sync);
        l_prim = prim
     :: else
     fi;
     r_tgt = r_tgt & ~(bits); /* resync_drop_target_locked */
     count_failure ()
  :: else
  fi
}

inline members_fail (mask)
{
  if
  :: (mask) & 1 -> member_fail (1)
  :: else
  fi;
  if
  :: (mask) & 2 -> member_fail (2)
  :: else
  fi
#if NLEG > 2
  ;
  if
  :: (mask) & 4 -> member_fail (4)
  :: else
  fi
#endif
}

/* members.c:members_miss_locked */
inline members_miss ()
{
  x = ALL & ~BIT (prim);
  l_miss = l_miss | x;
  LEG_STALE (x);
  if
  :: ((in_sync | promoting) & x) -> count_failure ()
  :: else
  fi;
  resyncing = resyncing | (in_sync & x);
  in_sync = in_sync & ~x;
  r_spoiled = (r_st != R_NONE)
}

/* A thread asks for a flush of the log; its answer is in g_ok or g_failed. */
inline log_ask (who, commit)
{
  g_want = g_want | (who);
  if
  :: commit -> g_want_commit = g_want_commit | (who)
  :: else
  fi
}

#define ANSWERED(who) ((g_ok | g_failed) & (who))

inline take_answer (who)
{
  g_ok = g_ok & ~(who);
  g_failed = g_failed & ~(who)
}

#ifdef RECORDS
#include "records.pml"
#else
#define X_WRITER 0
#define X_SWEEP 0
#define IN_SOME_RECORD 0
#endif

/* acknowledge.c:record_failures_locked: what follows the flush. */
inline recorded_if (ok, who)
{
  if
  :: (ok) && (rcov & (who)) ->
     unrec = 0;
     rcov = 0;
     spoilt = spoilt & d_sync
  :: else -> rcov = rcov & ~(who)
  fi
}

inline recorded (who)
{
  recorded_if ((g_ok & (who)), who);
  take_answer (who)
}

/* ...: its beginning. */
inline record_failures (who, taker)
{
  rcov = rcov | (who);
#ifdef RECORDS
  records_take (taker, 0);
#ifdef MISTAKE_R_BEFORE_LOG
  records_ask (taker);
#endif
#endif
  log_ask (who, false)
}

/* --- the log: disk.c --- */

/* A cycle serves all who asked before it began: contract (2) of
 * dirty-log.h.
 */
inline log_cycle_ends ()
{
  g_pc = LOG_IDLE;
  g_commit = 0;
  t_mark = 0;
  t_miss = 0;
  t_sync = 0;
  t_prim = 0;
#ifdef RECORDS
  t_gen = 0;
#endif
  g_ok = g_ok | g_who;
  g_who = 0
}

/* --- write.c --- */

#define me _pid /* writers are the first processes */

/* write_leave, and what the client is told. */
inline write_leave ()
{
  if
  :: !(w_err & T_WRITER (me)) && w_v[me] > acked[BLK (me)] &&
     w_v[me] > seen[BLK (me)] ->
     acked[BLK (me)] = w_v[me]
  :: else
  fi;
  touched = touched || s_cand;
  w_err = w_err & ~T_WRITER (me);
  w_pc[me] = W_IDLE;
  w_v[me] = 0;
  w_legs[me] = 0;
  w_bad[me] = 0
}

/* regions_dirty: one section makes the region dirty and chooses the legs. */
inline regions_dirty ()
{
  dirty = 1;
  w_legs[me] = WRITING_SET;
  w_left[me] = w_legs[me];
  w_pc[me] = W_FAN
}

/* write_outcome */
inline write_outcome ()
{
  if
  :: (w_legs[me] & ~w_bad[me] & in_sync) -> members_fail (w_bad[me])
  :: else ->
     members_fail (w_bad[me] & lost);
#ifndef MISTAKE_S12_EIO
     members_miss ();
#endif
     w_err = w_err | T_WRITER (me)
  fi
}

#ifdef MISTAKE_S4
#define WAITS_FOR_RECORD(me) false
#elif defined MISTAKE_S12_RECORD
#define WAITS_FOR_RECORD(me) (!(w_err & T_WRITER (me)))
#else
#define WAITS_FOR_RECORD(me) true
#endif

active [NWRITER] proctype writer ()
{
  do
  :: atomic { /* write_begin: the range, then regions_mark */
       state == UP && w_pc[me] == W_IDLE && next <= WRITES &&
#ifndef MISTAKE_S13
       !LOCKED (BLK (me)) &&
#endif
       !COPYING (BLK (me)) && !QUARANTINE &&
       (me == 0 || NBLK > 1 || w_pc[0] != W_IDLE) ->
       w_v[me] = next;
       next++;
       hot = 1;
       if
       :: dirty -> regions_dirty ()
       :: else ->
          l_mark = 1;
#ifdef MISTAKE_S1
          regions_dirty ()
#else
#ifdef MISTAKE_S1_SECOND
          dirty = 1;
#endif
          log_ask (T_WRITER (me), false);
          w_pc[me] = W_MARKS
#endif
       fi
     }
  :: atomic { /* write_begin, after marks_flush */
       w_pc[me] == W_MARKS && ANSWERED (T_WRITER (me)) ->
       if
       :: (g_ok & T_WRITER (me)) -> regions_dirty ()
       :: else ->
          w_err = w_err | T_WRITER (me);
          write_leave ()
       fi;
       take_answer (T_WRITER (me))
     }
  :: atomic { /* fan.c:fan_out: one leg does it */
       w_pc[me] == W_FAN && w_left[me] ->
       pick_leg (w_left[me]);
       w_left[me] = w_left[me] & ~BIT (l);
       if
       :: !(lost & BIT (l)) -> cache_write (K (l, BLK (me)), w_v[me])
       :: n_error > 0 && !(lost & BIT (l)) -> /* ...or fails */
          n_error--;
          w_bad[me] = w_bad[me] | BIT (l);
          if
          :: true
          :: cache_write (K (l, BLK (me)), w_v[me])
          fi
       :: (lost & BIT (l)) -> w_bad[me] = w_bad[me] | BIT (l)
       fi;
       SCRATCH_0
     }
  :: atomic { /* write_end */
       w_pc[me] == W_FAN && !w_left[me] ->
       w_pc[me] = W_ACK;
       if
       :: w_bad[me] -> write_outcome ()
       :: else
       fi;
       w_legs[me] = 0;
       w_bad[me] = 0;
       SCRATCH_0
     }
  :: atomic { /* acknowledge.c:acknowledge_locked */
       w_pc[me] == W_ACK ->
       if
       :: unrec && WAITS_FOR_RECORD (me) ->
          record_failures (T_WRITER (me), X_WRITER);
          w_pc[me] = W_RECORD
       :: else -> write_leave ()
       fi
     }
  :: atomic { /* failures_wait_locked */
       w_pc[me] == W_RECORD && ANSWERED (T_WRITER (me)) ->
       if
       :: (g_failed & T_WRITER (me)) -> /* log-timeout */
          w_err = w_err | T_WRITER (me);
          take_answer (T_WRITER (me));
          rcov = rcov & ~T_WRITER (me);
#ifdef RECORDS
          records_drop (X_WRITER);
#endif
          write_leave ()
       :: else ->
#if defined RECORDS && !defined MISTAKE_R_ACK
          take_answer (T_WRITER (me));
#ifndef MISTAKE_R_BEFORE_LOG
          records_ask (X_WRITER);
#endif
          w_pc[me] = W_LEGS
#else
          recorded (T_WRITER (me));
          w_pc[me] = W_ACK
#endif
       fi
     }
#ifdef RECORDS
  :: atomic { /* ...with the legs' records */
       w_pc[me] == W_LEGS && RANSWERED (X_WRITER) ->
       recorded_if ((rq_ok & BIT (X_WRITER)), T_WRITER (me));
       records_take_answer (X_WRITER);
       w_pc[me] = W_ACK
     }
#endif
  od
}

inline log_lowered ()
{
  if
  :: g_commit -> g_pc = LOG_RAISE
  :: else -> log_cycle_ends ()
  fi
}

#ifdef RECORDS
#define NEW_GENERATION (d_gen != t_gen)
#else
#define NEW_GENERATION false
#define RECORD_USERS
inline log_moves ()
{
  skip
}
#endif

inline log_record_next ()
{
  if
  :: (d_sync & ~t_sync) || d_prim != t_prim || NEW_GENERATION ->
     g_pc = LOG_LOWER_RECORD
  :: else -> log_lowered ()
  fi
}

/* What changes nothing is not written. */
active proctype log ()
{
  do
  :: d_step { /* disk_thread; disk_write_lowering: the snapshot */
       g_pc == LOG_IDLE && g_want ->
       g_commit = (g_want_commit != 0);
       g_who = g_want;
       g_want = 0;
       g_want_commit = 0;
       t_mark = l_mark;
       t_miss = l_miss;
       t_sync = l_sync;
       t_prim = l_prim;
#ifdef RECORDS
       t_gen = l_gen;
#endif
       if
       :: (t_mark & ~d_mark) || (t_miss & ~d_miss) -> g_pc = LOG_LOWER_MAPS
       :: else -> log_record_next ()
       fi
     }
  :: d_step { /* disk-write.c:write_maps */
       g_pc == LOG_LOWER_MAPS ->
       d_mark = d_mark | t_mark;
       d_miss = d_miss | t_miss;
       log_moves ();
       log_record_next ()
     }
  :: d_step { /* disk-record.c:disk_record_write after disk_slot_lower */
       g_pc == LOG_LOWER_RECORD ->
       d_sync = d_sync & t_sync;
       d_prim = t_prim;
#ifdef RECORDS
       d_gen = t_gen;
#endif
       log_moves ();
       log_lowered ()
     }
  :: d_step { /* disk_write_raising: disk_maps_raise, disk_slot_raise */
       g_pc == LOG_RAISE ->
       t_mark = t_mark | l_mark;
       t_miss = t_miss | l_miss;
       t_sync = t_sync & l_sync;
       if
       :: (d_mark & ~t_mark) || (d_miss & ~t_miss) -> g_pc = LOG_RAISE_MAPS
       :: (t_sync & ~d_sync) -> g_pc = LOG_RAISE_RECORD
       :: else -> log_cycle_ends ()
       fi
     }
  :: d_step { /* write_maps */
       g_pc == LOG_RAISE_MAPS ->
       d_mark = d_mark & t_mark;
       d_miss = d_miss & t_miss;
       log_moves ();
       if
       :: (t_sync & ~d_sync) -> g_pc = LOG_RAISE_RECORD
       :: else -> log_cycle_ends ()
       fi
     }
  :: d_step { /* disk_record_write */
       g_pc == LOG_RAISE_RECORD ->
       d_sync = d_sync | t_sync;
#ifdef LIVES
       d_knew = d_knew | d_sync;
#endif
       log_moves ();
       log_cycle_ends ()
     }
#if LOGERRORS > 0
  :: d_step { /* the store fails, or somebody's deadline passed */
       g_pc != LOG_IDLE && n_logerr > 0 ->
       n_logerr--;
       g_failed = g_failed | g_who;
       g_who = 0;
       log_cycle_ends ()
     }
#endif
#ifdef MISTAKE_S2
  :: d_step { /* who asks joins the cycle that runs */
       g_pc != LOG_IDLE && (g_want & ~g_want_commit) ->
       g_who = g_who | (g_want & ~g_want_commit);
       g_want = g_want & g_want_commit
     }
#endif
  od
}

#ifdef RECORDS
active proctype records ()
{
  do
  :: d_step { RECORDS_GO && (rq & 1) -> records_begin (0) }
  :: d_step { RECORDS_GO && (rq & 2) -> records_begin (1) }
#ifdef RETURN
  :: d_step { RECORDS_GO && (rq & 4) -> records_begin (2) }
#endif
  :: atomic { /* submit: one leg; a crash leaves it one cycle behind */
       rc_x && rc_left ->
       pick_leg (rc_left);
       rc_left = rc_left & ~BIT (l);
       if
       :: !(lost & BIT (l)) -> record_of (l, rc_x - 1)
       :: n_error > 0 && !(lost & BIT (l)) -> /* ...or fails */
          n_error--;
          rc_bad = rc_bad | BIT (l);
          if
          :: true
          :: record_of (l, rc_x - 1)
          fi
       :: (lost & BIT (l)) -> rc_bad = rc_bad | BIT (l)
       fi;
       SCRATCH_0
     }
  :: d_step { /* end_use, write_state */
       rc_x && !rc_left ->
       members_fail (rc_bad);
       e = rc_x - 1;
       if
       :: (rc_bad & in_sync) -> rq_bad = rq_bad | BIT (e)
       :: else ->
          rc_seq++; /* complete */
          z_gen = x_gen[e];
          z_sync = x_sync[e];
          z_prim = x_prim[e];
          z_slots = x_slots[e];
          z_clean = x_clean;
          rq_ok = rq_ok | BIT (e);
          y = e;
          records_number (y)
       fi;
       e = 0;
       rc_x = 0;
       rc_bad = 0;
       SCRATCH_0
     }
  od
}
#endif

/* leg-gate.c: one flush of a leg.  That it is one step stands for the gate:
 * flushes of a leg do not overlap.
 */
inline leg_flush (bad)
{
  if
  :: !((lost | ferr) & BIT (l)) -> flush_medium (l)
  :: n_error > 0 && !((lost | ferr) & BIT (l)) &&
     (in_sync & ~(BIT (l) | lost | ferr)) ->
     /* What was not written back is gone for good, though reads still
      * return it.
      */
     n_error--;
     bad = bad | BIT (l);
     unfl = unfl & ~(((1 << NBLK) - 1) << K (l, 0));
     spoilt = spoilt | BIT (l);
#ifndef MISTAKE_S8
     ferr = ferr | BIT (l)
#endif
  :: ((lost | ferr) & BIT (l)) -> bad = bad | BIT (l)
  fi
}

#ifdef MISTAKE_S4_FLUSH
#define FLUSH_WAITS_FOR_RECORD false
#else
#define FLUSH_WAITS_FOR_RECORD true
#endif

#if FLUSHES > 0
active proctype flusher ()
{
  do
  :: d_step { /* mirror_flush, flush_all */
       state == UP && f_pc == F_IDLE && n_flush > 0 ->
       n_flush--;
       b = 0;
       do
       :: b < NBLK ->
          f_seen[b] = (seen[b] > acked[b] -> seen[b] : acked[b]);
          b++
       :: else -> break
       od;
       b = 0;
       f_left = WRITING_SET;
       f_pc = F_FAN
     }
  :: atomic { /* fan_out: one leg */
       f_pc == F_FAN && f_left ->
       pick_leg (f_left);
       f_left = f_left & ~BIT (l);
       leg_flush (f_bad);
       SCRATCH_0
     }
  :: d_step { /* flush_all */
       f_pc == F_FAN && !f_left ->
       members_fail (f_bad);
       if
       :: (f_bad & in_sync) -> /* EIO */
          f_pc = F_IDLE;
          b = 0;
          do
          :: b < NBLK -> f_seen[b] = 0; b++
          :: else -> break
          od;
          b = 0
       :: else -> f_pc = F_ACK
       fi;
       f_bad = 0
     }
  :: d_step { /* acknowledge_locked */
       f_pc == F_ACK ->
       if
       :: unrec && FLUSH_WAITS_FOR_RECORD ->
          rcov = rcov | T_FLUSH;
          log_ask (T_FLUSH, false);
          f_pc = F_RECORD
       :: else ->
          f_pc = F_IDLE;
          b = 0;
          do
          :: b < NBLK ->
             if
             :: durable[b] < f_seen[b] -> durable[b] = f_seen[b]
             :: else
             fi;
             f_seen[b] = 0;
             b++
          :: else -> break
          od;
          b = 0
       fi
     }
  :: d_step { /* failures_wait_locked */
       f_pc == F_RECORD && ANSWERED (T_FLUSH) ->
       if
       :: (g_failed & T_FLUSH) -> /* EIO */
          take_answer (T_FLUSH);
          rcov = rcov & ~T_FLUSH;
          f_pc = F_IDLE;
          b = 0;
          do
          :: b < NBLK -> f_seen[b] = 0; b++
          :: else -> break
          od;
          b = 0
       :: else ->
          recorded (T_FLUSH);
          f_pc = F_ACK
       fi
     }
  od
}
#endif

/* --- sweep.c --- */

#define STILL_IDLE (s_cand && hot && !PENDING && !touched)

/* round_end */
inline round_end ()
{
  if
  :: r_st == R_SWEEPING ->
     r_st = R_NONE;
     r_tgt = 0;
     r_spoiled = 0
  :: else
  fi;
  s_cand = 0;
  touched = 0;
  s_fail = 0;
  s_pc = S_PROMOTE
}

active proctype sweeper ()
{
  do
  :: d_step { /* pick */
       state == UP && s_pc == S_IDLE &&
       ((hot && !PENDING) || r_st == R_COPIED || (resyncing & ~l_miss)) ->
       s_cand = hot && !PENDING;
       if
       :: r_st == R_COPIED -> r_st = R_SWEEPING
       :: else
       fi;
       if
       :: s_cand || r_st == R_SWEEPING ->
#ifndef MISTAKE_S3
          s_left = WRITING_SET;
#endif
          s_pc = S_FAN
       :: else -> s_pc = S_PROMOTE
       fi
     }
  :: atomic { /* flush_legs: one leg */
       s_pc == S_FAN && s_left ->
       pick_leg (s_left);
       s_left = s_left & ~BIT (l);
       leg_flush (s_bad);
       SCRATCH_0
     }
  :: d_step { /* write.c:flush_all */
       s_pc == S_FAN && !s_left ->
       members_fail (s_bad);
       if
       :: (s_bad & in_sync) -> round_end ()
       :: else -> s_pc = S_MISS
       fi;
       s_bad = 0
     }
  :: d_step { /* miss_outside */
       s_pc == S_MISS ->
       if
       :: s_fail -> round_end ()
       :: else ->
          s_pc = S_RAISE;
          if
          :: STILL_IDLE && (ALL & ~WRITING_SET) ->
#ifndef MISTAKE_S3_OUTSIDE
             l_miss = l_miss | (ALL & ~WRITING_SET);
             LEG_STALE (ALL & ~WRITING_SET);
             log_ask (T_SWEEP, false);
             s_pc = S_LOWER
#endif
             skip
          :: else
          fi
       fi
     }
  :: d_step { /* sweep_regions */
       s_pc == S_LOWER && ANSWERED (T_SWEEP) ->
       if
       :: (g_ok & T_SWEEP) -> s_pc = S_RAISE
       :: else -> round_end ()
       fi;
       take_answer (T_SWEEP)
     }
  :: d_step { /* raise_regions */
       s_pc == S_RAISE ->
       if
       :: s_fail -> round_end ()
       :: else ->
          if
#ifdef MISTAKE_S3_PENDING
          :: s_cand && hot ->
#else
          :: STILL_IDLE ->
#endif
             l_mark = 0;
             hot = 0;
             dirty = 0
          :: else
          fi;
          if
          :: r_st == R_SWEEPING && !r_spoiled -> l_miss = l_miss & ~r_tgt
          :: else
          fi;
          log_ask (T_SWEEP, true);
          s_pc = S_COMMIT
       fi
     }
  :: d_step { /* sweep_regions */
       s_pc == S_COMMIT && ANSWERED (T_SWEEP) ->
       take_answer (T_SWEEP);
       round_end ()
     }
#ifdef RECORDS
  :: d_step { /* record_promotions: who joins is taken down */
       s_pc == S_PROMOTE ->
       s_ready = resyncing & ~l_miss;
       promoting = s_ready;
       if
       :: s_ready ->
#ifdef MISTAKE_R_LOG_FIRST
          l_sync = l_sync | s_ready;
#endif
          records_take (X_SWEEP, s_ready);
          x_joining = 1;
#ifdef MISTAKE_R_ANNOUNCE
          resyncing = resyncing & ~s_ready;
          in_sync = in_sync | s_ready;
#endif
          log_ask (T_SWEEP, JOINS_IN_LOG);
          s_pc = S_PROMOTE_FLUSH
       :: else -> s_pc = S_IDLE
       fi
     }
  :: d_step { /* promote: the legs' records */
       s_pc == S_PROMOTE_FLUSH && ANSWERED (T_SWEEP) ->
       if
       :: (g_ok & T_SWEEP) ->
          records_ask (X_SWEEP);
          s_pc = S_PROMOTE_LEGS
       :: else -> promotion_ends ()
       fi;
       take_answer (T_SWEEP)
     }
  :: d_step { /* promote: only then the log, if nothing came between */
       s_pc == S_PROMOTE_LEGS && RANSWERED (X_SWEEP) ->
       x = rq_ok & BIT (X_SWEEP);
       records_take_answer (X_SWEEP);
       if
       :: x && !OVERTAKEN && !(s_ready & ~STILL_PROMOTING) ->
          l_sync = l_sync | s_ready;
          log_ask (T_SWEEP, true);
          s_pc = S_PROMOTE_COMMIT
       :: else -> promotion_ends ()
       fi;
       x_joining = 0;
       x_overtaken = 0;
       x = 0
     }
#else
  :: d_step { /* record_promotions */
       s_pc == S_PROMOTE ->
       s_ready = resyncing & ~l_miss;
       promoting = s_ready;
       if
       :: s_ready ->
          l_sync = l_sync | s_ready;
#ifdef MISTAKE_S18_EARLY
          resyncing = resyncing & ~s_ready;
          in_sync = in_sync | s_ready;
#endif
          log_ask (T_SWEEP, true);
          s_pc = S_PROMOTE_COMMIT
       :: else -> s_pc = S_IDLE
       fi
     }
#endif
  :: d_step { /* announce_promotions */
       s_pc == S_PROMOTE_COMMIT && ANSWERED (T_SWEEP) ->
       if
       :: (g_ok & T_SWEEP) ->
#ifdef MISTAKE_S18_BACK
          s_ready = s_ready & ~l_miss & resyncing;
#elif !defined MISTAKE_S18_CHECK
          s_ready = s_ready & ~l_miss & promoting;
#endif
          promoting = 0;
          resyncing = resyncing & ~s_ready;
          in_sync = in_sync | s_ready
       :: else
       fi;
       s_ready = 0;
       take_answer (T_SWEEP);
       s_pc = S_IDLE
     }
  :: d_step { /* mirror-worker.c:worker_thread */
       state == UP && s_pc == S_IDLE && unrec ->
       record_failures (T_SWEEP, X_SWEEP);
       s_pc = S_RECORD
     }
#ifdef RECORDS
  :: d_step { /* record_failures_locked: the legs' records */
       s_pc == S_RECORD && ANSWERED (T_SWEEP) ->
       if
       :: (g_ok & T_SWEEP) ->
#ifndef MISTAKE_R_BEFORE_LOG
          records_ask (X_SWEEP);
#endif
          s_pc = S_RECORD_LEGS
       :: else ->
          records_drop (X_SWEEP);
          rcov = rcov & ~T_SWEEP;
          s_pc = S_IDLE
       fi;
       take_answer (T_SWEEP)
     }
  :: d_step { /* ... */
       s_pc == S_RECORD_LEGS && RANSWERED (X_SWEEP) ->
       recorded_if ((rq_ok & BIT (X_SWEEP)), T_SWEEP);
       records_take_answer (X_SWEEP);
       s_pc = S_IDLE
     }
#else
  :: d_step { /* record_failures_locked */
       s_pc == S_RECORD && ANSWERED (T_SWEEP) ->
       recorded (T_SWEEP);
       s_pc = S_IDLE
     }
#endif
  od
}

/* --- resync.c, copy.c --- */

active proctype copier ()
{
  do
  :: d_step { /* next_work */
       state == UP && c_pc == C_IDLE && r_st == R_NONE &&
       (resyncing & l_miss) && !QUARANTINE &&
       !QUARANTINE_OF (resyncing & l_miss) ->
       r_st = R_RUNNING;
       r_tgt = resyncing & l_miss;
       r_spoiled = 0;
       c_pc = C_LOCK
     }
  :: atomic { /* copy_locked: the range, the source; read_source */
       c_pc == C_LOCK && !LOCKED (c_b) ->
       l = prim;
       if
       :: (in_sync & ~lost) == 0 || !(r_tgt & ~c_bad) ->
          c_bad = ALL; /* source_failed, or nobody is left to copy to */
          c_pc = C_END
       :: else ->
          if
          :: (lost & BIT (prim)) -> /* next_source */
             pick_leg (in_sync & ~lost)
          :: else
          fi;
          c_v = mem[K (l, c_b)];
          c_left = r_tgt & ~c_bad;
          c_pc = C_FAN
       fi;
       SCRATCH_0
     }
  :: atomic { /* send */
       c_pc == C_FAN && c_left ->
       pick_leg (c_left);
       c_left = c_left & ~BIT (l);
       if
       :: !(lost & BIT (l)) -> cache_write (K (l, c_b), c_v)
       :: (lost & BIT (l)) -> c_bad = c_bad | BIT (l)
       fi;
       SCRATCH_0
     }
  :: d_step { /* copy_run */
       c_pc == C_FAN && !c_left ->
       c_v = 0;
#if NBLK > 1
       if
       :: c_b < NBLK - 1 -> c_b++; c_pc = C_LOCK
       :: else -> c_pc = C_END
       fi
#else
       c_pc = C_END
#endif
     }
  :: d_step { /* end_run */
       c_pc == C_END ->
       r_tgt = r_tgt & ~c_bad;
       c_bad = 0;
#if NBLK > 1
       c_b = 0;
#endif
       c_pc = C_IDLE;
       if
       :: r_tgt == 0 || r_spoiled ->
          r_st = R_NONE;
          r_tgt = 0;
          r_spoiled = 0
       :: else ->
#ifdef MISTAKE_S18
          /* It is not missed any more, and no flush was needed. */
          l_miss = l_miss & ~r_tgt;
          r_st = R_NONE;
          r_tgt = 0
#else
          r_st = R_COPIED
#endif
       fi
     }
  od
}

/* --- read.c --- */

inline check_read (leg, blk)
{
  assert (mem[K (leg, blk)] >= acked[blk]); /* nothing acknowledged is lost */
  assert (mem[K (leg, blk)] >= seen[blk]);  /* nobody goes back in time */
  seen[blk] = mem[K (leg, blk)];
  acked[blk] = 0 /* seen says as much */
}

#ifdef MISTAKE_S12
#define READABLE(b) true
#elif defined MISTAKE_S4_READ
#define READABLE(b) !LOCKED (b)
#else
#define READABLE(b) (!LOCKED (b) && !unrec)
#endif

/* choose_leg: in-sync legs, or targets if no in-sync leg could. */
#define SERVES(b) \
  ((in_sync & ~lost) | \
   (((in_sync & ~lost) == 0) -> (resyncing & ~l_miss & ~lost) : 0))
#define DIFFERENT(leg, b) \
  ((SERVES (b) & BIT (leg)) && READABLE (b) && \
   (mem[K (leg, b)] != seen[b] || seen[b] < acked[b]))

/* A read of what was seen last changes nothing, so is left out. */
active proctype reader ()
{
  do
  :: d_step { state == UP && DIFFERENT (0, 0) -> check_read (0, 0) }
  :: d_step { state == UP && DIFFERENT (1, 0) -> check_read (1, 0) }
#if NLEG > 2
  :: d_step { state == UP && DIFFERENT (2, 0) -> check_read (2, 0) }
#endif
#if NBLK > 1
  :: d_step { state == UP && DIFFERENT (0, 1) -> check_read (0, 1) }
  :: d_step { state == UP && DIFFERENT (1, 1) -> check_read (1, 1) }
#if NLEG > 2
  :: d_step { state == UP && DIFFERENT (2, 1) -> check_read (2, 1) }
#endif
#endif
  od
}

/* --- open.c, plan.c, apply.c --- */

inline see_durable ()
{
  x = 0;
  do
  :: x < NBLK ->
     acked[x] = durable[x];
     seen[x] = 0;
     x++
  :: else -> break
  od;
  x = 0
}

/* What a failed flush did not write is forgotten when nobody keeps the leg
 * open any more.
 */
inline drop_unwritten ()
{
  x = 0;
  do
  :: x < NK ->
     if
     :: (ferr & BIT (x / NBLK)) && !(unfl & BIT (x)) -> mem[x] = med[x]
     :: else
     fi;
     x++
  :: else -> break
  od;
  x = 0
}

inline power_cut ()
{
  lose_cache (0);
  lose_cache (1);
#if NLEG > 2
  lose_cache (2);
#endif
  see_durable ()
}

#ifdef LATE
/* What was sent and not answered has happened, has not, or may yet. */
inline may_be_late (kk, v)
{
  if
  :: true
  :: cache_write (kk, v)
  :: late[kk] == 0 ->
     late[kk] = v + 1;
     late_mask = late_mask | BIT (kk)
  fi
}

inline unanswered (leg)
{
  if
  :: (w_left[0] & BIT (leg)) -> may_be_late (leg, w_v[0])
  :: else
  fi;
  if
  :: (c_left & BIT (leg)) -> may_be_late (leg, c_v)
  :: else
  fi
}

/* To a lost leg nothing was sent. */
inline unanswered_by_crash (leg)
{
  if
  :: !(lost & BIT (leg)) -> unanswered (leg)
  :: else
  fi
}
#endif

/* Memory is gone. */
inline forget ()
{
  in_sync = 0; resyncing = 0; promoting = 0; prim = 0;
  lost = 0; ferr = 0; unrec = 0; rcov = 0;
#ifdef LATE
  quar = 0;
#endif
  hot = 0; dirty = 0; touched = 0;
  l_mark = 0; l_miss = 0; l_sync = 0; l_prim = 0;
  g_pc = LOG_IDLE; g_commit = 0; g_who = 0;
  t_mark = 0; t_miss = 0; t_sync = 0; t_prim = 0;
  g_want = 0; g_want_commit = 0; g_ok = 0; g_failed = 0;
  i = 0;
  do
  :: i < NWRITER ->
     w_pc[i] = W_IDLE; w_v[i] = 0; w_legs[i] = 0; w_left[i] = 0; w_bad[i] = 0;
     i++
  :: else -> break
  od;
  i = 0;
  w_err = 0;
  f_pc = F_IDLE; f_left = 0; f_bad = 0;
  do
  :: i < NBLK -> f_seen[i] = 0; i++
  :: else -> break
  od;
  i = 0;
  s_pc = S_IDLE; s_left = 0; s_bad = 0; s_ready = 0; s_cand = 0; s_fail = 0;
  c_pc = C_IDLE; c_left = 0; c_bad = 0; c_v = 0;
#if NBLK > 1
  c_b = 0;
#endif
  r_st = R_NONE; r_tgt = 0; r_spoiled = 0;
#ifdef RECORDS
  forget_records ();
#endif
  state = DOWN
}

/* plan.c:plan_ours, choose_source; apply.c:apply_ours up to the flush.  x:
 * the legs that are here.
 */
inline begin_start ()
{
  l_mark = d_mark;
  l_miss = d_miss;
  l_sync = TRUSTED; /* disk-load.c:load_truth */
  if
  :: (l_sync & x & BIT (d_prim)) -> prim = d_prim
  :: else -> lowest (prim, l_sync & x)
  fi;
  l_prim = prim;
  y = ALL & ~BIT (prim);
#ifndef MISTAKE_S22
  if
  :: l_mark -> /* other_slot */
     l_miss = l_miss | y;
     LEG_STALE (y)
  :: else
  fi;
#endif
#ifndef MISTAKE_S22_ABSENT
  LEG_STALE (y & ~x); /* in-sync, but absent */
#endif
  in_sync = x;        /* open.c:state_of goes by this and the record */
#ifdef LATE
  quar = ANY_LATE && (l_mark
#ifndef MISTAKE_S21_MARKED
                      || l_miss
#endif
                     );
#endif
  log_ask (T_START, false);
  state = APPLY_FLUSH
}

active proctype world ()
{
  do
  :: atomic { /* the mirror is killed, or its host loses power */
       state != DOWN && n_crash > 0 ->
       n_crash--;
#ifdef LATE
       unanswered_by_crash (0);
       unanswered_by_crash (1);
#if NLEG > 2
       unanswered_by_crash (2);
#endif
#endif
#ifndef PAGES_STAY
       drop_unwritten ();
       if
       :: (spoilt & (d_sync | IN_SOME_RECORD)) ->
          see_durable () /* counts as a power cut */
       :: else
       fi;
#endif
       spoilt = 0;
       if
       :: true
       :: n_power > 0 -> n_power--; power_cut ()
       fi;
       forget ();
#ifdef RECORDS
       assert (d_none || TRUSTED);
#else
       assert (TRUSTED); /* the log never gives up the last leg */
#endif
       SCRATCH_0
     }
  :: d_step { /* it starts; every leg is here */
       state == DOWN ->
       x = ALL;
#ifdef RECORDS
       plan_records ();
#else
       begin_start ();
#endif
       SCRATCH_0
     }
#if ABSENCES > 0
  :: atomic { /* ...or one is not: refused if no in-sync one is left */
       state == DOWN && n_absent > 0 ->
       if
       :: x = ALL & ~1
       :: x = ALL & ~2
#if NLEG > 2
       :: x = ALL & ~4
#endif
       fi;
#ifdef RECORDS
       plan_records ();
       if
       :: state != DOWN -> n_absent--
       :: else
       fi;
#else
       if
       :: (TRUSTED & x) -> n_absent--; begin_start ()
       :: else
       fi;
#endif
       SCRATCH_0
     }
#endif
  :: d_step { /* the missed maps are durable */
       state == APPLY_FLUSH && (g_ok & T_START) ->
       take_answer (T_START);
       state = APPLY_SOURCE
     }
  :: d_step { /* flush_source, clear_marks */
       state == APPLY_SOURCE ->
       l = prim;
#ifdef FIX_S8
       do
       :: l_mark && b < NBLK ->
          if
          :: med[K (l, b)] != mem[K (l, b)] -> unfl = unfl | BIT (K (l, b))
          :: else
          fi;
          b++
       :: else -> break
       od;
       b = 0;
#endif
       flush_medium (l);
       l_mark = 0;
       log_ask (T_START, true);
       state = APPLY_COMMIT;
       SCRATCH_0
     }
  :: d_step { /* open.c:state_of */
       state == APPLY_COMMIT && (g_ok & T_START) ->
       take_answer (T_START);
#ifdef RECORDS
       start_records ();
#else
       x = in_sync;
       in_sync = x & l_sync;
       resyncing = x & ~l_sync;
       state = UP;
#endif
       SCRATCH_0
     }
#ifdef RECORDS
  :: d_step { /* apply_new: the commit makes it a log */
       state == APPLY_CREATE ->
       l = prim;
       flush_medium (l); /* flush_source */
       d_mark = l_mark;
       d_miss = l_miss;
       d_sync = l_sync;
#ifdef LIVES
       d_knew = l_sync;
#endif
       d_prim = l_prim;
       d_gen = l_gen;
       log_moves ();
       if
       :: d_none -> c_later = 0 /* flush numbers begin anew */
       :: else
       fi;
       log_is_taken ();
       d_none = 0;
       start_records ();
       SCRATCH_0
     }
  :: d_step { /* records_start */
       state == APPLY_RECORDS && RANSWERED (X_WRITER) ->
       if
       :: (rq_ok & BIT (X_WRITER)) ->
          records_take_answer (X_WRITER);
          rc_left = WRITING_SET;
          state = APPLY_BEATS
       :: else -> forget ()
       fi
     }
  :: atomic { /* beats_start: one leg */
       state == APPLY_BEATS && rc_left ->
       pick_leg (rc_left);
       rc_left = rc_left & ~BIT (l);
       beat (l);
       SCRATCH_0
     }
  :: d_step { /* served from now on */
       state == APPLY_BEATS && !rc_left -> state = UP
     }
#if SAVES > 0
#define IN_USE(legs) (state == UP && (WRITING_SET & (legs)))
  :: d_step { IN_USE (1) && BEAT_CHANGES (0) -> beat (0) }
  :: d_step { IN_USE (2) && BEAT_CHANGES (1) -> beat (1) }
#if NLEG > 2
  :: d_step { IN_USE (4) && BEAT_CHANGES (2) -> beat (2) }
#endif
  :: d_step { /* somebody copies the log */
       n_save > 0 && !d_none && !d_old ->
       n_save--;
       c_gen = d_gen;
       c_miss = d_miss;
       c_sync = d_sync;
#ifdef LIVES
       c_knew = d_knew;
#endif
       c_prim = d_prim;
       c_mark = d_mark
     }
  :: d_step { /* the copy takes the place of the log, or of none */
       state == DOWN && n_restore > 0 && c_gen ->
       n_restore--;
       d_none = 0;
       d_old = 1;
       d_gen = c_gen;
       d_miss = c_miss;
       d_sync = c_sync;
#ifdef LIVES
       d_knew = c_knew;
#endif
       d_prim = c_prim;
       d_mark = c_mark;
       forget_copy ()
     }
#endif
#if LOG_LOSSES > 0
  :: d_step { /* the log is gone */
       state == DOWN && n_gone > 0 && !d_none ->
       n_gone--;
       lose_log ()
     }
#endif
#if SNAPSHOTS > 0
  :: d_step { /* somebody copies a leg, as it is on its medium */
       n_snapshot > 0 -> copy_leg (0)
     }
  :: d_step { n_snapshot > 0 -> copy_leg (1) }
  :: d_step { /* after a clean end the copy takes its place, the log is gone */
       state == DOWN && sn_leg && r_clean == ALL ->
       restore_leg ();
       lose_log ();
       SCRATCH_0
     }
#endif
#if ENDS > 0
  :: d_step { /* mirror_stop; worker_thread after its last sweep */
       state == UP && n_end > 0 && w_pc[0] == W_IDLE && s_pc == S_IDLE &&
       c_pc == C_IDLE && r_st == R_NONE && !rq && !rc_x && !hot && !l_mark &&
#ifdef RETURN
       j_pc == 0 &&
#endif
       !unrec && g_pc == LOG_IDLE && !g_want && !(in_sync & (lost | ferr)) ->
       n_end--;
       records_take (X_WRITER, 0);
       x_clean = 1;
       records_ask (X_WRITER);
       state = END_RECORDS
     }
  :: d_step { /* beats_close, dirty_log_close */
       state == END_RECORDS && RANSWERED (X_WRITER) ->
       records_take_answer (X_WRITER);
       x_clean = 0;
       b = 0;
       do
       :: b < NLEG ->
          if
          :: (WRITING_SET & BIT (b)) -> beat (b)
          :: else
          fi;
          b++
       :: else -> break
       od;
       b = 0;
       log_ask (T_START, true);
       state = END_LOG
     }
  :: d_step { /* the end */
       state == END_LOG && (g_ok & T_START) ->
       forget ();
       SCRATCH_0
     }
#endif
#endif
#if LOGERRORS > 0
  :: d_step { /* plan_apply fails: it does not start */
       (state == APPLY_FLUSH || state == APPLY_COMMIT) &&
       (g_failed & T_START) ->
       forget ()
     }
#endif
#if LOSSES > 0
  :: atomic { /* leg-io.c:leg_lose, members.c:member_on_lost */
       state == UP && n_loss > 0 && (WRITING_SET & ~lost) ->
       n_loss--;
       pick_leg (WRITING_SET & ~lost);
       lost = lost | BIT (l);
       y = l;
#ifdef LATE
       unanswered (y);
#endif
       if
       :: true
       :: (in_sync & ~BIT (y) & ~lost) -> /* it was the server that died */
          lose_cache (y);
          spoilt = spoilt | BIT (y)
       fi;
       if
       :: (w_left[0] & BIT (y)) -> w_bad[0] = w_bad[0] | BIT (y)
       :: else
       fi;
       w_left[0] = w_left[0] & ~BIT (y);
#if NWRITER > 1
       if
       :: (w_left[1] & BIT (y)) -> w_bad[1] = w_bad[1] | BIT (y)
       :: else
       fi;
       w_left[1] = w_left[1] & ~BIT (y);
#endif
       if
       :: (c_left & BIT (y)) -> c_bad = c_bad | BIT (y)
       :: else
       fi;
       c_left = c_left & ~BIT (y);
       x = BIT (y);
       member_fail (x);
       SCRATCH_0
     }
#endif
#ifdef RETURN
#ifdef RECORDS
#define MAY_RETURN (n_return > 0 && j_pc == 0)
/* records-return.c:went_on_elsewhere */
#define ELSEWHERE(leg) (r_gen[leg] > l_gen || ALONE (leg))
#else
#define MAY_RETURN true
#define ELSEWHERE(leg) false
#endif
  :: atomic { /* rejoin-try.c:join: a leg is back, opened anew */
       state == UP && (ALL & ~WRITING_SET) && MAY_RETURN ->
       pick_leg (ALL & ~WRITING_SET);
       if
       :: !((w_left[0] | f_left | s_left | c_left RECORD_USERS) & BIT (l)) &&
          !ELSEWHERE (l) ->
#if defined RECORDS && FORKS > 0
          check_lines (WRITING_SET | BIT (l));
#endif
          lost = lost & ~BIT (l);
          ferr = ferr & ~BIT (l);
          resyncing = resyncing | BIT (l);
#if !defined MISTAKE_S5 && !defined MISTAKE_S5_RETURN
          /* What is marked now may have been written without it. */
          if
          :: l_mark -> l_miss = l_miss | BIT (l)
          :: else
          fi;
#endif
#ifdef RECORDS
          z_slots = z_slots & ~BIT (l); /* records_give */
          n_return--;
          records_take (X_RETURN, 0); /* records_renew */
          log_ask (T_RETURN, false);
          j_pc = 1;
#endif
          skip
       :: else
       fi;
       SCRATCH_0
     }
#ifdef RECORDS
  :: d_step { /* records_renew */
       j_pc == 1 && ANSWERED (T_RETURN) ->
       if
       :: (g_ok & T_RETURN) -> records_ask (X_RETURN); j_pc = 2
       :: else -> records_drop (X_RETURN); j_pc = 0
       fi;
       take_answer (T_RETURN)
     }
  :: d_step { /* ... */
       j_pc == 2 && RANSWERED (X_RETURN) ->
       records_take_answer (X_RETURN);
       j_pc = 0
     }
#endif
#endif
#ifdef LATE
  :: atomic { /* it lands, or never will */
       ANY_LATE ->
       pick_leg (late_mask);
       if
       :: cache_write (l, late[l] - 1)
       :: true
       fi;
       late[l] = 0;
       late_mask = late_mask & ~BIT (l);
       if
       :: !ANY_LATE -> quar = 0
       :: else
       fi;
       SCRATCH_0
     }
#endif
  od
}

/* The last in-sync leg is never given up, a stale leg is not in use as if it
 * were in-sync, and when nothing is being written all in-sync legs are equal.
 */
#define DIFFERS(l, b) \
  ((in_sync & ~lost & BIT (l)) && mem[K (l, b)] != mem[K (prim, b)])
#if NLEG > 2
#define SOME_DIFFER(b) (DIFFERS (0, b) || DIFFERS (1, b) || DIFFERS (2, b))
#else
#define SOME_DIFFER(b) (DIFFERS (0, b) || DIFFERS (1, b))
#endif
#if NBLK > 1
#define UNEQUAL (SOME_DIFFER (0) || SOME_DIFFER (1))
#else
#define UNEQUAL SOME_DIFFER (0)
#endif

active proctype check ()
{
  do
  :: d_step { /* S6 */
       state == UP && in_sync == 0 -> assert (in_sync != 0)
     }
#ifndef CLIENTS_ONLY
  :: d_step { /* I1 of dirty-log.h */
       state == UP && (in_sync & l_miss) -> assert (!(in_sync & l_miss))
     }
#endif
#if defined RECORDS && !defined CLIENTS_ONLY
  :: d_step { /* who is announced is in the records */
       state == UP && (in_sync & ~z_sync) -> assert (!(in_sync & ~z_sync))
     }
#endif
#ifndef CLIENTS_ONLY
  :: d_step { /* legs are equal */
       state == UP && !PENDING && !(lost & BIT (prim)) && UNEQUAL ->
       assert (!UNEQUAL)
     }
#endif
  od
}
