/* detour.pml: a shard of a Redis Cluster fails over, and its slot moves on before a revocation. Does a worker still ask the former primary?
 *
 * The former primary A is cut off from the others, but not from the worker; its successor B gives the slot to D, whose term the
 * revoker has long known: so nobody waits for those that trust A, unless they do not acknowledge. The worker has a link to D from
 * before. Its map may be old, it may have a read in flight whose refusal names A, and it reads where its map leads as long as the
 * others named that server lately.  One of the others may not have heard of any of this; a majority has.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifndef LAPSED
#define LAPSED 2              /* lease + grace, in ticks; ages stop there, so time is without end */
#endif
#define A 0
#define B 1
#define D 2
#define NONE 3
#define OTHER 3               /* another server: the worker may have read there, and it may know less than the majority */

/* ---- The servers ---- */
byte holder = A;              /* who holds the slot */
mtype = { NEWS, SIGNAL };
chan link[1] = [2] of { mtype };

/* ---- The worker ---- */
byte seat = A;                /* whom its map gives the slot to */
bit late = 0;                 /* the refusal of a read that names A is on its way */
bit lateD = 0, lateOld = 0;   /* the same of D, and whether that has told since */
bit early = 0, earlyOld = 0;  /* an answer of D that names A is on its way, and whether D has told since it was asked for */
bit seated = 1;               /* its map has A among the primaries */
byte named = LAPSED;          /* since the others named A */
bit doubts = 0;               /* a server has told of the slot that the map gives to another, and no map that counts has come since */
bit byA = 0;                  /* that was A, and nobody else */
bit gaveD = 0;                /* the map gave the slot to D */
byte told = LAPSED;           /* since a server told of a record in the slot */
bit acknowledged = 0;
bit asks = 0, answered = 0, old = 0;
byte asked = 0, answer = 0;   /* whom it asks for the map, and what that one says */
bit keeps = 0;                /* who knows of the move, and not of the failover: A holds other slots */

/* ---- The revoker ---- */
mtype = { IDLE, WRITTEN, EXITED };
mtype revoker = IDLE;
byte readAge = 0;

inline older(x) { if :: x < LAPSED -> x++ :: else fi }

inline doubt(isByA) { doubts = 1; byA = isByA; gaveD = (seat == D); seat = NONE; printf("worker doubts its map\n") }
inline hears() {
  told = 0; old = asks; earlyOld = early; lateOld = lateD;
  if
#ifndef DROP_DOUBT
  :: !doubts && seat != D -> doubt(0)
  :: doubts && !(byA && gaveD) -> byA = 0
#endif
  :: else
  fi
}
#ifdef DROP_NEWER_ANSWER
#define TOO_OLD 0
#else
#define TOO_OLD old
#endif
#ifdef DROP_TOLD_LATELY
#define LATELY false
#else
#define LATELY (told < LAPSED)
#endif
#ifdef DROP_WORD_OF_OTHERS
#define IN_DOUBT (asked == A && answer == A)
#elif defined(DROP_WORD_OF_ITSELF)
#define IN_DOUBT false
#elif defined(DROP_AGREEMENT)
#define IN_DOUBT (answer == A && !(asked == OTHER && byA && !gaveD) && !(asked == A && byA))
#else
#define IN_DOUBT (answer == A && !(asked == OTHER && byA && !gaveD))   /* no majority names A since */
#endif
inline unseats() { seated = 0; named = LAPSED }
inline seats() {
  if
  :: answer != A && !keeps -> unseats()
  :: answer != A && keeps
  :: answer == A && !seated -> seated = 1; named = LAPSED   /* it has to be named anew */
  :: else
  fi
}
inline adopts() {
  seats();
  if
  :: doubts && (TOO_OLD || IN_DOUBT) -> printf("worker goes on doubting\n")
  :: !doubts && seat == D && answer != D && (asked != D || TOO_OLD) && LATELY -> doubt(0)
  :: else -> seat = answer; doubts = 0; printf("worker takes %d for the holder\n", answer)
  fi;
  asks = 0; answered = 0; old = 0; asked = 0; answer = 0; keeps = 0
}
#ifdef DROP_CONTEST
#define CONTESTED false
#else
#define CONTESTED doubts
#endif
inline says() {
  if :: !CONTESTED -> doubt(1) :: else fi;
#ifdef DROP_NUMBER_GROWS
  old = 0; earlyOld = 0
#endif
}
#ifdef DROP_DOUBT_OF_REFUSALS
#define REFUSAL_COUNTS seated
#else
#define REFUSAL_COUNTS (seated && !doubts && seat == NONE)   /* of whom the map gives the slot to */
#endif
#ifdef DROP_REFUSAL_SINCE
#define REFUSED_BEFORE false
#else
#define REFUSED_BEFORE lateOld
#endif

active proctype Model()
{
  do
  :: d_step { true -> older(named); older(told); if :: revoker == WRITTEN -> older(readAge) :: else fi; printf("a tick passes\n") }

  :: d_step { holder == A -> holder = B; printf("B takes over from A\n") }
  :: d_step { holder == B -> holder = D; printf("the slot moves to D\n") }

  /* ---- The map, and who names whom ---- */
  :: d_step { holder == A && seated && named > 0 -> named = 0; printf("the others name A\n") }
  :: d_step { !asks -> asks = 1; asked = A }
  :: d_step { !asks -> asks = 1; asked = D }
  :: d_step { !asks -> asks = 1; asked = OTHER }
  :: d_step { asks && !answered -> answered = 1; if :: asked == D -> answer = holder :: else -> answer = A fi }
  :: d_step { asks && !answered && asked == OTHER -> answered = 1; answer = holder }
  :: d_step { asks && !answered && asked == OTHER && holder == D -> answered = 1; answer = D; keeps = 1 }
  :: d_step { answered -> adopts() }
  :: d_step { holder == A && seat == A && seated && !late -> seat = NONE; late = 1; printf("worker reads elsewhere, and is sent to A\n") }
  :: d_step { holder == A && !early -> early = 1; printf("D is asked for the map\n") }
  :: d_step { early && !asks -> early = 0; asked = D; answer = A; old = earlyOld; earlyOld = 0; adopts() }
  :: d_step { holder == A && seat == A && !doubts -> seat = D; printf("worker adopts an old map\n") }
  :: d_step { holder == A && seat == D && seated && !lateD -> lateD = 1; printf("worker reads at D, and is sent to A\n") }
  :: d_step { lateD -> lateD = 0; if :: seated && seat == D && !REFUSED_BEFORE -> seat = A; printf("worker follows a refusal to A\n") :: else fi; lateOld = 0 }
  :: d_step { seated && seat != A -> says(); printf("A tells of a record, or says on a new link that it holds the slot\n") }
  :: d_step { holder == D && !doubts && seat == NONE -> seat = D; printf("worker follows a refusal to D\n") }
  :: d_step { late -> late = 0; if :: REFUSAL_COUNTS -> seat = A; printf("worker follows a refusal to A\n") :: else fi }

  :: d_step { link[0]?[NEWS] -> link[0]?NEWS; hears() }
  :: d_step { link[0]?[SIGNAL] -> link[0]?SIGNAL; hears(); acknowledged = 1; printf("worker acknowledges\n") }

  /* ---- The revoker ---- */
  :: d_step { revoker == IDLE && holder == D -> revoker = WRITTEN; link[0]!NEWS; link[0]!SIGNAL; printf("the record is revoked at D\n") }
  :: d_step { revoker == WRITTEN && acknowledged -> revoker = EXITED; printf("revoker exits: acknowledged\n") }
  :: d_step { revoker == WRITTEN && readAge == LAPSED -> revoker = EXITED; printf("revoker exits: waited\n") }

  /* ---- A request that comes after the exit ---- */
#if defined(REACHED_SETTLED)
  :: revoker == EXITED && acknowledged && seat == D -> assert(false)
#elif defined(REACHED_TRUSTED)
  :: revoker == WRITTEN && seat == A && named < LAPSED -> assert(false)
#elif defined(REACHED_DOUBT)
  :: revoker == EXITED && doubts && named < LAPSED -> assert(false)
#else
  :: revoker == EXITED && seat == A && named < LAPSED -> printf("a request is read at A\n"); assert(false)
#endif
  od
}
