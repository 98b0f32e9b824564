/* detour.pml: a shard of a Redis Cluster fails over, and its slot moves on before a revocation. Does a worker still ask the former primary?
 *
 * The former primary A is cut off from the others, but not from the worker; its successor B gives the slot to D, whose term the
 * revoker has long known: so nobody waits for those that trust A, unless they do not acknowledge. The worker's map may be old, it may
 * have reads and questions in flight whose answers name A, and it reads where its map leads as long as the others named that server
 * lately. E may not have heard of any of this; a majority has. Each server may tell of records in the slot: those that hold it, that
 * give it away, or that it is moved to. The signal follows changes of other records too: it does not name this one.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifndef LAPSED
#define LAPSED 2              /* lease + grace, in ticks; ages stop there, so time is without end */
#endif
#define A 0
#define B 1
#define D 2
#define E 3
#define NONE 4

/* ---- The servers ---- */
byte holder = A;              /* who holds the slot */
mtype = { NEWS, SIGNAL };
chan link[1] = [2] of { mtype };   /* the invalidation link of D */
bit up = 1;                   /* it stands */

/* ---- The worker ---- */
byte seat = A;                /* whom its map gives the slot to */
bit seated = 1;               /* its map has A among the primaries */
byte named = LAPSED;          /* since the others named A */
bit since = 0;                /* they have since a server last told of the slot */
byte told = LAPSED;           /* since then */
bit doubts = 0;
byte teller = NONE;           /* the one server that has told, where the map gives the slot to another */
byte former = NONE;           /* that one */
bit acknowledged = 0;

/* What is on its way, and whether a server has told of the slot since it was asked for. */
bit asks = 0, old = 0;        /* a question about the map */
bit answered = 0;
byte asked = 0, answer = 0;   /* whom, and what that one says */
bit keeps = 0;                /* it knows of the move, and not of the failover: A holds other slots */
bit early = 0, earlyOld = 0;  /* an answer of D that names A */
bit lateD = 0, lateDOld = 0;  /* the refusal of a read by D that names A */
bit late = 0, lateOld = 0;    /* the same by E */
bit heard = 1;                /* D has said what it holds since its link stood */
bit after = 0, overtaken = 0; /* the question was asked after the one that D is to say it by; an answer to such a one was taken */
bit kept = 0;                 /* what it says now does not make the question any older */
#define unheard (up && !heard)

/* ---- The revoker ---- */
mtype = { IDLE, WRITTEN, EXITED };
mtype revoker = IDLE;
byte readAge = 0;

inline older(x) { if :: x < LAPSED -> x++ :: else fi }

inline doubt(x) { doubts = 1; teller = x; former = seat; seat = NONE; printf("worker doubts its map\n") }
inline tells(x) {
  told = 0; since = 0; old = asks; earlyOld = early; lateDOld = lateD; lateOld = late;
  if
#ifndef DROP_DOUBT
  :: seat != x && !doubts -> doubt(x)
#ifdef DROP_CONTEST
  :: doubts && former != x -> teller = x
#else
  :: doubts && former != x && teller != x -> teller = NONE
#endif
#endif
  :: else
  fi
}

#ifdef DROP_NEWER_ANSWER
#define TOO_OLD false
#else
#define TOO_OLD old
#endif
#ifdef DROP_ONE_BEFORE
#define IT_NAMES_ANOTHER (asked == teller && answer != teller)
#else
#define IT_NAMES_ANOTHER (asked == teller && answer != teller && (former == NONE || answer == former))
#endif
#ifdef DROP_AGREEMENT
#define AGREED ((asked == former || asked == teller) && answer == teller)
#else
#define AGREED (asked == former && answer == teller)
#endif
#define MAJORITY (answer != A || since)
#define LAPSED_SINCE (told == LAPSED)
#if defined(DROP_WORD_OF_ITSELF)
#define WORD_OF_OTHERS (asked == A)
#elif defined(DROP_WORD_OF_OTHERS)
#define WORD_OF_OTHERS (asked != A)
#else
#define WORD_OF_OTHERS false
#endif
#define ENDED (!TOO_OLD && (IT_NAMES_ANOTHER || AGREED || MAJORITY || LAPSED_SINCE || WORD_OF_OTHERS))
#ifdef DROP_TOLD_LATELY
#define LOSES true
#else
#define LOSES (seat == NONE || told == LAPSED || (asked == seat && !TOO_OLD))   /* the holder, by this answer */
#endif

inline seats(x) {
  if
  :: x != A && !keeps -> seated = 0; named = LAPSED; since = 0
  :: x == A && !seated -> seated = 1; named = LAPSED; since = 0   /* it has to be named anew */
  :: else
  fi
}
inline adopts() {
  seats(answer);
  if
  :: doubts && ENDED -> doubts = 0; teller = NONE; former = NONE; seat = answer; printf("worker believes %d about %d\n", asked, answer)
  :: doubts && !ENDED -> printf("worker goes on doubting\n")
  :: !doubts && (seat == answer || LOSES) -> seat = answer; printf("worker takes %d for the holder\n", answer)
  :: !doubts && !(seat == answer || LOSES) -> teller = seat; doubts = 1; seat = NONE; printf("worker doubts what %d says\n", asked)
  fi;
  if :: unheard && after && asks -> overtaken = 1 :: else fi;
  asks = 0; answered = 0; old = 0; asked = 0; answer = 0; keeps = 0; after = 0
}
inline question(x) { asks = 1; asked = x; after = unheard }
inline hears() {
  heard = 1; kept = old;
  if
#ifdef DROP_HEARD_ALL
  :: holder == D && seat != D -> tells(D)
#else
  :: holder == D -> tells(D)
#endif
  :: else
  fi;
  if :: after -> old = kept :: else fi; kept = 0;
  if
  :: overtaken
  :: !overtaken && holder != A -> seats(holder); if :: !doubts -> seat = holder :: else fi
  :: !overtaken && holder == A -> if :: !doubts && !(seat == D && told < LAPSED && old) -> seat = A :: else fi
  fi;
  overtaken = 0
}
#ifdef DROP_DOUBT_OF_REFUSALS
#define IS_HOLDER(x) seated
#else
#define IS_HOLDER(x) (seated && seat == x)
#endif
#ifdef DROP_REFUSAL_SINCE
#define REFUSED_BEFORE(x) false
#else
#define REFUSED_BEFORE(x) x
#endif

active proctype Model()
{
  do
  :: d_step { true -> older(named); older(told); if :: revoker == WRITTEN -> older(readAge) :: else fi; printf("a tick passes\n") }

  :: d_step { holder == A -> holder = B; printf("B takes over from A\n") }
  :: d_step { holder == B -> holder = D; printf("the slot moves to D\n") }

  /* ---- The map, and who names whom ---- */
  :: d_step { holder == A && seated && (named > 0 || !since) -> named = 0; since = 1; printf("the others name A\n") }
  :: d_step { !asks -> question(A) }
  :: d_step { !asks -> question(D) }
  :: d_step { !asks -> question(E) }
  :: d_step { asks && !answered -> answered = 1; if :: asked == D -> answer = holder :: else -> answer = A fi }
  :: d_step { asks && !answered && asked == E -> answered = 1; answer = holder }
  :: d_step { asks && !answered && asked == E && holder == D -> answered = 1; answer = D; keeps = 1 }
  :: d_step { answered -> adopts() }
  :: d_step { holder == A && !early -> early = 1; printf("D is asked for the map\n") }
  :: d_step { early && !asks -> early = 0; asked = D; answer = A; old = earlyOld; earlyOld = 0; adopts() }
  :: d_step { holder == A && seat == A && !doubts -> seat = D; printf("worker adopts an old map\n") }

  /* ---- Refusals of reads ---- */
  :: d_step { holder == A && seat == A && !doubts && told == LAPSED && !late -> seat = E; late = 1; printf("worker reads at E, and is sent to A\n") }
  :: d_step { late -> late = 0; if :: IS_HOLDER(E) && !REFUSED_BEFORE(lateOld) -> seat = A; printf("worker follows a refusal to A\n") :: else fi; lateOld = 0 }
  :: d_step { holder == A && seat == D && seated && !lateD -> lateD = 1; printf("worker reads at D, and is sent to A\n") }
  :: d_step { lateD -> lateD = 0; if :: IS_HOLDER(D) && !REFUSED_BEFORE(lateDOld) -> seat = A; printf("worker follows a refusal to A\n") :: else fi; lateDOld = 0 }
  :: d_step { holder == D && seat == E -> seat = D; printf("worker follows a refusal to D\n") }

  /* ---- Invalidations ---- */
  :: d_step { seated -> tells(A);
#ifdef DROP_NUMBER_GROWS
       old = 0; earlyOld = 0;
#endif
       printf("A tells of a record, or says on a new link that it holds the slot\n") }
  :: d_step { true -> tells(E); printf("E tells of a record\n") }
  :: d_step { up -> tells(D); printf("D tells of another record\n") }
  :: d_step { link[0]?[NEWS] -> link[0]?NEWS; tells(D); printf("D tells of the record\n") }
  :: d_step { link[0]?[SIGNAL] -> link[0]?SIGNAL; if :: heard -> acknowledged = 1; printf("worker acknowledges\n") :: else fi }
  :: d_step { up -> up = 0; heard = 0; do :: nempty(link[0]) -> link[0]?_ :: empty(link[0]) -> break od; printf("the link is lost\n") }
  :: d_step { !up -> up = 1; overtaken = 0; after = 0; printf("a new link stands\n") }
  :: d_step { unheard && !early && !lateD && !(asks && asked == D && !after) -> hears(); printf("D has said what it holds\n") }

  /* ---- The revoker ---- */
  :: d_step { revoker == IDLE && holder == D && empty(link[0]) -> revoker = WRITTEN; if :: up -> link[0]!NEWS :: else fi; printf("the record is revoked at D\n") }
  :: d_step { revoker == WRITTEN && up && !acknowledged && nfull(link[0]) -> link[0]!SIGNAL; printf("revoker sends the signal\n") }
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
