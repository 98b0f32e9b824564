/* slots.pml: a slot of a Redis Cluster moves around a revocation. Does anybody still use what was cached before?
 *
 * Primary X has the record's slot, and primary Y gets it: the key is restored at Y, deleted at X, and then Y holds the slot.
 * Both tell their listeners, each on a link of its own: order holds on a link, not between the two. A link may be lost at any
 * moment, with everything on it. One worker and one revoker. The worker keeps a record for the primary that gave it, while its
 * lease on that one lasts; the lease is renewed once everything on the link was heard: order within that is lease.pml's business.
 * With SHARED_SIGNAL, several changes at a primary share a signal, which names another record. Behind a new link the worker
 * acknowledges nothing before that primary has told which slots it holds.
 * With FORCED, Y takes the slot and nobody is told, as before Redis 7.2; then an acknowledgement alone counts.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifndef LAPSED
#define LAPSED 1              /* lease + grace, in ticks; ages stop there, so time is without end */
#endif
#define X 0
#define Y 1
#define NONE 2

/* ---- The servers ---- */
mtype = { NEWS, SIGNAL, SHARED };
chan link[2] = [3] of { mtype };
bit up[2];                    /* the worker's link to each stands */
bit atY = 0, atX = 1;         /* where the record is */
bit holder = X;               /* who holds the slot */
bit good = 1;                 /* the record says that the key is good; once revoked, it never is again */

/* ---- The worker ---- */
byte kept = NONE;             /* a record that says that the key is good, and who gave it */
byte heardAge[2] = LAPSED;    /* since it asked on a link, and had heard everything since */
byte reading = NONE;          /* whom it asks for the record */
bit asking = 0;               /* by ASK: Y does not hold the slot yet */
bit executed = 0, result = 0, mayKeep = 0;
bit acknowledged = 0;
bit mapped[2];                /* it knows which slots that primary holds, as of its link */

/* ---- The revoker ---- */
mtype = { IDLE, WRITTEN, EXITED };
mtype revoker = IDLE;
bit place = X;                /* where its change was made */
byte readAge = 0;

inline older(x) { if :: x < LAPSED -> x++ :: else fi }
inline tells(n, word) { if :: up[n] -> link[n]!word :: else fi }
inline clears(n) { do :: nempty(link[n]) -> link[n]?_ :: else -> break od }
inline forgets(n) {
  if :: kept == n -> kept = NONE :: else fi;
  if :: reading == n -> mayKeep = 0 :: else fi
}
/* It forgets the record that a message names, whichever link it came on. */
inline lets_go() {
#ifdef DROP_OVERTAKE
  kept = NONE
#else
  kept = NONE; mayKeep = 0
#endif
}
#ifdef DROP_MAP_BEHIND_LINK
#define MAPPED(n) 1
#else
#define MAPPED(n) mapped[n]
#endif
/* What it has from another primary that no longer holds the slot is forgotten. */
inline maps(n) {
  mapped[n] = 1; printf("%d tells which slots it holds\n", n);
  if
  :: holder == n && kept == 1 - n -> kept = NONE
  :: else
  fi;
  if :: holder == n && reading == 1 - n -> mayKeep = 0 :: else fi
}
inline hears(n) {
  if
  :: link[n]?NEWS -> kept = NONE; mayKeep = 0; printf("worker hears that the record has changed, from %d\n", n)
  :: link[n]?SIGNAL ->
#ifndef DROP_NAMED_RECORD
       lets_go();
#endif
       acknowledged = 1; printf("worker acknowledges on the link to %d\n", n)
  :: link[n]?SHARED -> acknowledged = (acknowledged || MAPPED(n)); printf("worker hears a shared signal on the link to %d\n", n)
  fi
}
inline opens(n) {
  up[n] = 1; mapped[n] = 0; printf("the link to %d stands\n", n);
#ifndef DROP_FORGET_AT_NEW_LINK
  forgets(n)
#endif
}
inline loses(n) {
  up[n] = 0; mapped[n] = 0; clears(n); printf("the link to %d is lost\n", n);
  if :: reading == n -> mayKeep = 0 :: else fi
}
inline reads(n, byASK) {
  reading = n; asking = byASK; executed = 0;
#if defined(DROP_NOT_KEPT)
  mayKeep = up[n];
#else
  mayKeep = up[n] && !byASK;
#endif
  printf("worker reads at %d\n", n)
}

#ifdef DROP_OWN_LEASE
#define TRUSTED (kept != NONE && (heardAge[X] < LAPSED || heardAge[Y] < LAPSED))
#else
#define TRUSTED ((kept == X && heardAge[X] < LAPSED) || (kept == Y && heardAge[Y] < LAPSED))
#endif
#define HAS_ROOM(n) (len(link[n]) < 3)

active proctype Model()
{
  do
  :: d_step {
       true ->
       older(heardAge[X]); older(heardAge[Y]);
       if :: revoker == WRITTEN -> older(readAge) :: else fi;
       printf("a tick passes\n") }

  /* ---- Links ---- */
  :: d_step { !up[X] -> opens(X) }
  :: d_step { !up[Y] -> opens(Y) }
  :: d_step { up[X] -> loses(X) }
  :: d_step { up[Y] -> loses(Y) }
  :: d_step { up[X] && empty(link[X]) && heardAge[X] > 0 -> heardAge[X] = 0; printf("worker has heard all of X\n") }
  :: d_step { up[Y] && empty(link[Y]) && heardAge[Y] > 0 -> heardAge[Y] = 0; printf("worker has heard all of Y\n") }
#ifdef SHARED_SIGNAL
  :: d_step { up[X] && !mapped[X] -> maps(X) }
  :: d_step { up[Y] && !mapped[Y] -> maps(Y) }
#endif
  :: d_step { nempty(link[X]) -> hears(X) }
  :: d_step { nempty(link[Y]) -> hears(Y) }

  /* ---- The slot ---- */
#ifdef FORCED
  :: d_step { holder == X -> holder = Y; atY = 1; atX = 0; printf("Y takes the slot, and nobody is told\n") }
#else
  :: d_step { atX && !atY && HAS_ROOM(Y) -> atY = 1; tells(Y, NEWS); printf("the record is restored at Y\n") }
  :: d_step { atX && atY && HAS_ROOM(X) -> atX = 0; tells(X, NEWS); printf("X deletes the record\n") }
  :: d_step { !atX && holder == X -> holder = Y; printf("Y holds the slot\n") }
#endif

  /* ---- Reads ---- */
  :: d_step { reading == NONE && holder == X -> reads(X, 0) }
  :: d_step { reading == NONE && holder == Y -> reads(Y, 0) }
  :: d_step { reading == X && !executed && holder == X && atX -> executed = 1; result = good }
  :: d_step { reading == X && !executed && holder == X && !atX -> printf("X asks to ask Y\n"); reads(Y, 1) }
  :: d_step { reading == X && !executed && holder == Y -> printf("X says that Y has the slot\n"); reads(Y, 0) }
  :: d_step { reading == Y && !executed && (holder == Y || asking) -> executed = 1; result = good }
  :: d_step { executed ->
       if :: mayKeep && result -> kept = reading; printf("worker keeps the record\n") :: else fi;
       reading = NONE; asking = 0; executed = 0; result = 0; mayKeep = 0 }

  /* ---- The revoker. A change that meets ASK waits until the slot is settled. ---- */
  :: d_step { revoker == IDLE && holder == X && atX && !atY && HAS_ROOM(X) ->
       revoker = WRITTEN; place = X; good = 0; tells(X, NEWS); printf("the record is revoked at X\n") }
  :: d_step { revoker == IDLE && holder == Y && HAS_ROOM(Y) ->
       revoker = WRITTEN; place = Y; good = 0; tells(Y, NEWS); printf("the record is revoked at Y\n") }
  /* The signal goes out again and again, to whoever holds the slot. */
#ifndef SHARED_SIGNAL
  :: d_step { revoker == WRITTEN && holder == X && atX && HAS_ROOM(X) && !acknowledged -> tells(X, SIGNAL) }
  :: d_step { revoker == WRITTEN && holder == Y && HAS_ROOM(Y) && !acknowledged -> tells(Y, SIGNAL) }
#elif defined(DROP_OWN_PLACE)
  :: d_step { revoker == WRITTEN && HAS_ROOM(holder) && !acknowledged -> tells(holder, SHARED) }
#else
  /* That of several changes only to where they were made. */
  :: d_step { revoker == WRITTEN && HAS_ROOM(place) && !acknowledged -> tells(place, SHARED) }
#endif
  :: d_step { revoker == WRITTEN && acknowledged -> revoker = EXITED; printf("revoker exits: acknowledged\n") }
#ifndef FORCED
  :: d_step { revoker == WRITTEN && readAge == LAPSED -> revoker = EXITED; printf("revoker exits: waited\n") }
#endif

  /* ---- A request that comes after the exit ---- */
#if defined(REACHED_MOVED)
  :: revoker == EXITED && acknowledged && holder == Y -> assert(false)
#elif defined(REACHED_WAITED)
  :: revoker == WRITTEN && TRUSTED && kept == X && holder == Y -> assert(false)
#elif defined(REACHED_ASK)
  :: asking && executed && result -> assert(false)
#else
  :: revoker == EXITED && TRUSTED -> printf("a request is let in from the cache\n"); assert(false)
  :: revoker == EXITED && executed && result && mayKeep && heardAge[reading] < LAPSED ->
       printf("an old reply is about to be kept\n"); assert(false)
#endif
  od
}
