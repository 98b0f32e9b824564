/* copies.pml: a primary fails. Does the next one lack a change that was confirmed?
 *
 * Three servers; up to two failovers promote any replica, which has what it has got. It is promoted before any sentinel says
 * so; the others stay with the former primary, and it goes on, until they are told. Three sentinels. One revoker, which
 * waits for no worker: primary.pml is about those. Time does not matter here.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifdef DROP_ALL_COPIES
#define COPIES 1
#else
#define COPIES 2              /* replicas that must acknowledge; there are two */
#endif
#define TERMS 3

/* ---- The servers ---- */
byte term = 1;                /* the newest */
byte primary[4];              /* of each term */
byte leader[3];               /* whom a server follows: itself, if it takes writes */
bit good[3] = 1;              /* the record says that the key is good */

/* ---- The sentinels ---- */
byte says[3] = 1;             /* a term, and with it a primary */
#define SAID(t) ((says[0] == t) + (says[1] == t) + (says[2] == t))
#define NAMED(t) (SAID(t) >= 2)

/* ---- The revoker ---- */
mtype = { IDLE, WRITTEN, HELD, EXITED, FAILED };
mtype revoker = IDLE;
byte place = 0;               /* the term in which its change was made, or found */
bit counts = 0;               /* its connection has written there, so that WAIT counts */
#define M primary[place]
#define HAS(i) (i != M && leader[i] == M && !good[i])
#define HOLDERS (HAS(0) + HAS(1) + HAS(2))
#define FOLLOWERS ((leader[0] == M) + (leader[1] == M) + (leader[2] == M) - 1)
#if defined(DROP_COPIES)
#define ENOUGH 1
#elif defined(DROP_KNOWN_REPLICAS)
#define ENOUGH (HOLDERS >= FOLLOWERS)
#elif defined(DROP_OWN_WRITE)
#define ENOUGH (!counts || HOLDERS >= COPIES)
#else
#define ENOUGH (counts && HOLDERS >= COPIES)
#endif

inline promotes(i) {
  term++; primary[term] = i; leader[i] = i; printf("server %d is promoted; it is good there: %d\n", i, good[i])
}
inline follows(i) {
  leader[i] = primary[term]; printf("server %d is told to follow %d\n", i, leader[i])
}
inline finds(t) {
  if
  :: !good[primary[t]] ->
       place = t; printf("revoker finds its change in term %d\n", t);
#ifdef DROP_WAIT_ANEW
       revoker = HELD; counts = 0
#else
       revoker = WRITTEN; counts = 0
#endif
  :: else -> revoker = FAILED
  fi
}
#define REPLICA(i) (leader[i] == primary[term] && i != primary[term])
/* The sentinel that conducts a failover has the vote of another; both know the primary. */
#define VOTED (term < TERMS && NAMED(term))

active proctype Model() provided (revoker != FAILED)
{
  d_step { primary[1] = 0; leader[0] = 0; leader[1] = 0; leader[2] = 0 }
  do
  /* ---- Servers ---- */
  :: d_step { leader[0] != 0 && good[0] != good[leader[0]] -> good[0] = good[leader[0]]; printf("server 0 has what its primary has\n") }
  :: d_step { leader[1] != 1 && good[1] != good[leader[1]] -> good[1] = good[leader[1]]; printf("server 1 has what its primary has\n") }
  :: d_step { leader[2] != 2 && good[2] != good[leader[2]] -> good[2] = good[leader[2]]; printf("server 2 has what its primary has\n") }
  :: d_step { VOTED && REPLICA(0) -> promotes(0) }
  :: d_step { VOTED && REPLICA(1) -> promotes(1) }
  :: d_step { VOTED && REPLICA(2) -> promotes(2) }
  :: d_step { leader[0] != primary[term] && SAID(term) > 0 -> follows(0) }
  :: d_step { leader[1] != primary[term] && SAID(term) > 0 -> follows(1) }
  :: d_step { leader[2] != primary[term] && SAID(term) > 0 -> follows(2) }

  /* ---- Sentinels ---- */
  :: d_step { says[0] < term -> says[0]++; printf("sentinel 0 says term %d\n", says[0]) }
  :: d_step { says[1] < term -> says[1]++; printf("sentinel 1 says term %d\n", says[1]) }
  :: d_step { says[2] < term -> says[2]++; printf("sentinel 2 says term %d\n", says[2]) }

  /* ---- The revoker ---- */
  :: d_step { revoker == IDLE && NAMED(1) && leader[primary[1]] == primary[1] -> place = 1; good[M] = 0; counts = 1; revoker = WRITTEN; printf("the record is revoked in term 1\n") }
  :: d_step { revoker == IDLE && NAMED(2) && leader[primary[2]] == primary[2] -> place = 2; good[M] = 0; counts = 1; revoker = WRITTEN; printf("the record is revoked in term 2\n") }
  /* It writes the signal anew where it found its change. */
  :: d_step { revoker == WRITTEN && !counts && leader[M] == M -> counts = 1; printf("revoker writes its signal\n") }
  :: d_step { revoker == WRITTEN && leader[M] == M && ENOUGH -> revoker = HELD; counts = 0; printf("replicas have acknowledged\n") }
#ifdef DROP_FOUND_ANEW
  :: d_step { revoker == HELD && !good[M] -> revoker = EXITED; printf("revoker exits\n") }
#else
  :: d_step { revoker == HELD && NAMED(place) && !good[M] -> revoker = EXITED; printf("revoker exits\n") }
#endif
  :: d_step { (revoker == WRITTEN || revoker == HELD) && place < 2 && NAMED(2) -> finds(2) }
  :: d_step { (revoker == WRITTEN || revoker == HELD) && place < 3 && NAMED(3) -> finds(3) }

  /* ---- A request that comes after the exit, at a primary that a majority names ---- */
#if defined(REACHED_TWICE)
  :: revoker == EXITED && term == 3 && place == 2 -> assert(false)
#elif defined(REACHED_FORMER)
  :: revoker == HELD && place < term && term == 3 -> assert(false)
#else
  :: d_step { revoker == EXITED && NAMED(1) && good[primary[1]] -> printf("a request is let in\n"); assert(false) }
  :: d_step { revoker == EXITED && NAMED(2) && good[primary[2]] -> printf("a request is let in\n"); assert(false) }
  :: d_step { revoker == EXITED && NAMED(3) && good[primary[3]] -> printf("a request is let in\n"); assert(false) }
#endif
  od
}
