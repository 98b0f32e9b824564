/* lease.pml: when revoke returns, does any gateway still let the old key in?
 *
 * One key, one worker that caches it, one store, one revoker. Anything between two of them may take any time, and either
 * link may be lost at any moment, any number of times. The worker's entry may vanish from the membership list at any
 * moment, too: what a revoker knows of entries that are gone is taken for granted here, and is move.pml's and terms.pml's business.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 *
 * Time is kept as ages in ticks. An age of LAPSED or more says no more than LAPSED does, so ages stop there: the states
 * are few, and the time is without end. A message that carries a time carries the age of its sending; others carry LAPSED.
 */
#ifndef LEASE
#define LEASE 2
#endif
#ifndef GRACE
#define GRACE 0
#endif
#ifndef PINGS
#define PINGS 1               /* pings that may be on their way at a time */
#endif
/* Grace counts always here, and not only while the link does not stand: more than a worker does. */
#define LAPSED (LEASE + GRACE)

mtype = { TRACK, SUBSCRIBE, SUBSCRIBED, REFUSED, PING, LATER_PING, PONG, EARLY_PONG,  /* invalidation link */
          CHANGE, RECORD, SIGNAL,             /* a message names the record and a signal, or one of them */
          READ, ACTIVE, JOIN, JOINED, GET, SAME, OTHER }                              /* data link */

/* ---- The network. Order holds on a link, and nowhere else. A ping also carries the age of what its answer proves. ---- */
chan toStoreI = [3] of { mtype, byte, byte };
chan fromStoreI = [5] of { mtype, byte, byte };
chan toStoreD = [3] of { mtype, byte };
chan fromStoreD = [3] of { mtype, byte };

/* ---- The store ---- */
bit good = 1;                 /* the record says that the key is good */
bit tracking = 0;             /* for the invalidation link of now */
bit subscribed = 0;
bit unsent = 0;               /* the invalidation goes out at the end of the server's turn; replies may leave before */
bit seen = 0;                 /* the worker has seen a reply of this turn on this link: what it sends now is of a later one */
mtype = { NONE, NEWEST, FORMER };   /* entries are told apart by their tokens: the one sent last, or one before it */
mtype entry = NONE;           /* the worker's, in the membership list */
byte goneAge = LAPSED;        /* since it vanished */
bit newestLate = 0, formerLate = 0;     /* joins of lost data links, which may yet arrive */

#ifdef RESTART
bit deadI = 0, deadD = 0;     /* links of the server that was; the worker learns of it at any time */
#else
#define deadI 0
#define deadD 0
#endif

/* ---- The worker ---- */
bit standing = 0;             /* the invalidation link is acknowledged */
bit member = 0;               /* its newest entry was acknowledged, and not missed since */
bit joining = 0;
byte answeredAge = LAPSED;    /* of the newest ping that was answered */
byte currentAge = LAPSED;     /* what the answers prove: all invalidations up to then have arrived */
byte entryAge = LAPSED;       /* of the newest question that found the entry as it was written */
byte pings = 0;               /* on their way */
bit asking = 0;               /* whether the entry stands */
bit cached = 0;               /* the key is in the cache, as a good one */
bit reading = 0;              /* a read is on its way */
bit uncacheable = 0;          /* its reply is used, and not kept */

/* ---- The revoker ---- */
mtype = { IDLE, LISTED_EARLY, SIGNALLED_EARLY, WRITTEN, REPLIED, ASKING, DONE };
mtype revoker = IDLE;
byte waitAge = 0;             /* since when the worker's lease and grace are waited out */
bit waits = 0;                /* for the worker: its entry is in the list, or is known to have vanished lately */
bit acknowledged = 0;         /* the worker has acknowledged the signal: at once, as it can only be later */

/* Worked with inside one step, and left 0, so that they make no states. */
mtype m = 0;
byte a = 0, p = 0, n = 0;
#ifdef DROP_PAYLOAD
byte b = 0, q = 0;
#endif
inline tidy() { m = 0; a = 0; p = 0; n = 0 }

#ifdef DROP_FRESH_CLOCK
byte unnoticed = 0;           /* ticks since the worker has looked at its clock */
#endif

#if defined(DROP_MEMBERSHIP) || defined(DROP_MEMBERSHIP_LEASE)
#define LISTED_OF_LATE 1
#else
#define LISTED_OF_LATE (entryAge < LAPSED)
#endif
#ifdef DROP_LEASE
#define TRUSTED (currentAge <= LAPSED)
#else
#define TRUSTED (currentAge < LAPSED && LISTED_OF_LATE)
#endif

#if defined(DROP_MEMBERSHIP) || defined(DROP_JOINED_FIRST)
#define MAY_CACHE standing
#elif defined(DROP_READ_AFTER_SUBSCRIBED)
#define MAY_CACHE member
#else
#define MAY_CACHE (standing && member)
#endif

inline older(age) { if :: age < LAPSED -> age++ :: else fi }

inline messagesOlder(link) {
  n = len(link);
  do :: n > 0 -> link?m,a; older(a); link!m,a; n-- :: else -> break od
}
inline pingsOlder(link) {
  n = len(link);
  do :: n > 0 -> link?m,a,p; older(a); older(p); link!m,a,p; n-- :: else -> break od
}

/* All that was known may be out of date, and so may what is being read. */
inline newSession() { cached = 0; uncacheable = reading }

inline connectI() {
  do :: nempty(toStoreI) -> toStoreI?_,_,_ :: empty(toStoreI) -> break od;
  do :: nempty(fromStoreI) -> fromStoreI?_,_,_ :: empty(fromStoreI) -> break od;
  tracking = 0; subscribed = 0; seen = 0; pings = 0; standing = 0;
#ifdef RESTART
  deadI = 0;
#endif
  toStoreI!TRACK(LAPSED, LAPSED); toStoreI!SUBSCRIBE(LAPSED, LAPSED);
#ifdef DROP_SUBSCRIBED
  standing = 1; newSession()
#endif
}

inline takeSubscribed() {
#ifdef DROP_SUBSCRIBED
  skip
#else
  standing = 1;
# ifndef DROP_FORGET_AT_NEW_LINK
  cached = 0;
# endif
# if !defined(DROP_READ_AFTER_SUBSCRIBED) && !defined(DROP_IN_FLIGHT)
  uncacheable = reading
# else
  skip
# endif
#endif
}

inline forgetRecord() {
  cached = 0;
#ifndef DROP_RACING
  uncacheable = reading
#endif
}

/* Of two answers the later one proves more, whatever order they are taken in. */
inline renew(age) { if :: age < currentAge -> currentAge = age :: else fi }

inline takePong() {
  pings--;
#ifdef DROP_PAYLOAD
  /* Taken for the newest ping's answer, wherever that ping is. */
  n = len(fromStoreI);
  do
  :: n > 0 -> fromStoreI?m,b,q; if :: m == PONG || m == EARLY_PONG -> a = b; p = q :: else fi; fromStoreI!m,b,q; n--
  :: else -> break
  od;
  n = len(toStoreI);
  do
  :: n > 0 -> toStoreI?m,b,q; if :: m == PING || m == LATER_PING -> a = b; p = q :: else fi; toStoreI!m,b,q; n--
  :: else -> break
  od;
  b = 0; q = 0;
#endif
#if defined(DROP_PING_SEND_TIME)
  renew(0);
#elif defined(DROP_PING_BEFORE_LAST) || defined(ONE_PONG_IN_ORDER)
  renew(a);
#else
  renew(p);
#endif
  if :: a < answeredAge -> answeredAge = a :: else fi
}

inline acknowledge() {
#ifdef DROP_SIGNAL_OF_STANDING_LINK
  acknowledged = 1
#else
  acknowledged = (standing || acknowledged)
#endif
}

/* A signal names its record: that is forgotten, too, before the signal is acknowledged. */
inline takeSignal() {
#ifndef DROP_NAMED_RECORD
  forgetRecord();
#endif
  acknowledge()
}

/* Known to be a member: what was cached before may have been changed without waiting for this worker. */
inline takeJoined() {
  joining = 0; member = 1; entryAge = a;
#ifndef DROP_FORGET_AT_JOINING
  newSession()
#endif
}

inline takeGone() {
  member = 0; entryAge = LAPSED;
#ifndef DROP_FORGET_GONE
  newSession()
#endif
}

inline enter(token) { entry = token; goneAge = LAPSED }

/* Once the record is revoked and nothing that says otherwise is left, nothing can go wrong any more. */
#define OLD_IS_LEFT (good || cached || fromStoreD??[ACTIVE,_])

active proctype Model() provided (OLD_IS_LEFT)
{
  d_step { connectI() }
  do
  /* ---- Time ---- */
  :: d_step {
       true ->
       pingsOlder(toStoreI); pingsOlder(fromStoreI); messagesOlder(toStoreD); messagesOlder(fromStoreD);
       if :: revoker == ASKING || revoker == REPLIED -> older(waitAge) :: else fi;
       older(goneAge);
#ifdef DROP_FRESH_CLOCK
       older(unnoticed);
#else
       older(answeredAge); older(currentAge); older(entryAge);
#endif
       tidy(); printf("a tick passes\n") }
#ifdef DROP_FRESH_CLOCK
  :: d_step {
       unnoticed > 0 ->
       do :: unnoticed > 0 -> older(answeredAge); older(currentAge); older(entryAge); unnoticed-- :: else -> break od;
       printf("worker looks at its clock\n") }
#endif

  /* ---- The revoker ---- */
#ifdef DROP_LIST_AFTER_WRITE
  :: d_step { revoker == IDLE ->
       waits = (entry != NONE || goneAge < LAPSED); revoker = LISTED_EARLY; printf("revoker reads the list: %e\n", entry) }
  :: d_step { revoker == LISTED_EARLY ->
#elif defined(DROP_SIGNAL_WITH_WRITE)
  :: d_step { revoker == IDLE ->
       revoker = SIGNALLED_EARLY; printf("store: a signal goes out before the change\n");
       if :: tracking && subscribed -> fromStoreI!SIGNAL(LAPSED, LAPSED) :: else fi }
  :: d_step { revoker == SIGNALLED_EARLY ->
#else
  :: d_step { revoker == IDLE ->
#endif
       good = 0; unsent = 1; revoker = WRITTEN; printf("store: the record is revoked\n") }
  :: d_step { unsent ->
       unsent = 0; seen = 0; printf("store: end of turn\n");
       if
       :: tracking && subscribed ->
#if defined(DROP_WHOLE_MESSAGE)
            /* taken key by key, and the signal's comes first */
            fromStoreI!SIGNAL(LAPSED, LAPSED); fromStoreI!RECORD(LAPSED, LAPSED)
#elif defined(DROP_SIGNAL_WITH_WRITE)
            fromStoreI!RECORD(LAPSED, LAPSED)
#else
            fromStoreI!CHANGE(LAPSED, LAPSED)
#endif
       :: else
       fi }
#ifdef ONE_PONG_IN_ORDER
  :: d_step { revoker == WRITTEN && !unsent ->
#else
  :: d_step { revoker == WRITTEN ->
#endif
       revoker = REPLIED; waitAge = 0; printf("revoker has the write's reply\n") }
#ifdef DROP_WAIT_FROM_READING
  /* It counts from when it sent the write, which is any time ago. */
  :: d_step { revoker == REPLIED && waitAge == 0 -> waitAge = LAPSED; printf("revoker has waited that long for it\n") }
#endif
  :: d_step { revoker == REPLIED ->
       revoker = ASKING; printf("revoker reads the list: %e, gone for %d\n", entry, goneAge);
#ifndef DROP_LIST_AFTER_WRITE
# ifdef DROP_GONE
       waits = (entry != NONE);
# else
       waits = (entry != NONE || goneAge < LAPSED);
# endif
#endif
#ifndef DROP_WAIT_FROM_READING
       /* A member that vanished is waited for from when it did, at least. */
       if :: entry == NONE -> waitAge = goneAge :: else -> waitAge = 0 fi;
#endif
     }
  :: d_step { revoker == ASKING && !waits -> revoker = DONE; printf("revoker exits: there is no member\n") }
  /* Again and again, for links that are new. One on its way is enough. */
  :: d_step { revoker == ASKING && waits && !unsent && tracking && subscribed && !fromStoreI??[SIGNAL,_,_] ->
       fromStoreI!SIGNAL(LAPSED, LAPSED); printf("store: the signal is sent again\n") }
  :: d_step { revoker == ASKING && waits && acknowledged -> revoker = DONE; printf("revoker exits: the worker has acknowledged\n") }
#ifdef DROP_WAIT
  :: d_step { revoker == ASKING -> revoker = DONE; printf("revoker exits: the worker is silent\n") }
#elif defined(DROP_WAIT_GRACE)
  :: d_step { revoker == ASKING && waitAge >= LEASE -> revoker = DONE; printf("revoker exits: lease waited out, without grace\n") }
#elif defined(TIGHT)
  :: d_step { revoker == ASKING && waitAge >= LAPSED - 1 -> revoker = DONE; printf("revoker exits: a tick too early\n") }
#else
  :: d_step { revoker == ASKING && waitAge == LAPSED -> revoker = DONE; printf("revoker exits: waited out\n") }
#endif

  /* ---- The membership list ---- */
  :: d_step { entry != NONE && revoker != DONE ->
       entry = NONE; goneAge = 0; printf("store: the worker's entry vanishes\n") }

  /* ---- The store takes a command ---- */
  :: d_step { !deadD && nempty(toStoreD) && nfull(fromStoreD) ->
       toStoreD?m,a;
       if
       :: m == READ ->
            printf("store reads the record: good %d\n", good);
            /* That the key is revoked is news that cannot do harm. */
            if :: good -> fromStoreD!ACTIVE(LAPSED) :: else -> reading = 0; uncacheable = 0 fi
       :: m == JOIN -> enter(NEWEST); fromStoreD!JOINED(a); printf("store: the worker joins, sent %d ago\n", a)
       :: m == GET ->
            printf("store reads the entry, asked %d ago: %e\n", a, entry);
            if
            :: entry == NEWEST -> fromStoreD!SAME(a)
#ifdef DROP_TOKEN
            :: entry == FORMER -> fromStoreD!SAME(a)
#endif
#ifdef DROP_READ_ENTRY
            :: entry != NEWEST -> fromStoreD!SAME(a)
#endif
            :: else -> fromStoreD!OTHER(LAPSED)
            fi
       fi;
       tidy() }
  :: d_step { newestLate -> newestLate = 0; enter(NEWEST); printf("store takes the newest join, of a lost link\n") }
  :: d_step { formerLate -> formerLate = 0;
#ifdef DROP_NEW_TOKEN
       enter(NEWEST);
#else
       enter(FORMER);
#endif
       printf("store takes a former join, of a lost link\n") }
  :: d_step { !deadI && nempty(toStoreI) && nfull(fromStoreI) && !(unsent && toStoreI?[LATER_PING,_,_]) ->
       toStoreI?m,a,p;
       if
       :: m == TRACK -> tracking = 1; printf("store: tracking is on\n")
       :: m == SUBSCRIBE -> subscribed = 1; printf("store: subscribed\n");
            if :: tracking -> fromStoreI!SUBSCRIBED(LAPSED, unsent) :: else -> fromStoreI!REFUSED(LAPSED, LAPSED) fi
       :: m == PING || m == LATER_PING ->
            if :: unsent -> fromStoreI!EARLY_PONG(a, p) :: else -> fromStoreI!PONG(a, p) fi;
            printf("store answers the ping sent %d ago, which proves %d\n", a, p)
       fi;
       tidy() }
  :: d_step { !deadI && toStoreI?[TRACK,_,_] -> toStoreI?TRACK,_,_; printf("store: tracking is refused\n") }

#ifdef RESTART
  :: d_step { !unsent ->
       printf("the store's server is started anew\n");
       do :: nempty(toStoreI) -> toStoreI?_,_,_ :: empty(toStoreI) -> break od;
       do :: nempty(toStoreD) -> toStoreD?_,_ :: empty(toStoreD) -> break od;
       deadI = 1; deadD = 1; tracking = 0; subscribed = 0; newestLate = 0; formerLate = 0 }
#endif

  /* ---- The worker takes a message ---- */
  :: d_step { nempty(fromStoreD) ->
       fromStoreD?m,a;
       if
       :: m == ACTIVE ->
            if :: !uncacheable -> cached = 1 :: else fi;
            printf("worker: the key is active; cached %d\n", cached);
            reading = 0; uncacheable = 0
       :: m == JOINED -> printf("worker: its joining of %d ago is acknowledged\n", a); takeJoined()
       :: m == SAME -> printf("worker: its entry stood %d ago\n", a); asking = 0;
#ifdef DROP_HEARTBEAT_SEND_TIME
            entryAge = 0
#else
            entryAge = a
#endif
       :: m == OTHER -> printf("worker: its entry is gone\n"); asking = 0; takeGone()
       fi;
       tidy() }
  :: d_step { nempty(fromStoreI) ->
       fromStoreI?m,a,p; printf("worker takes %e\n", m);
       if
       :: m == SUBSCRIBED -> seen = (unsent && p); takeSubscribed()
       :: m == REFUSED ->
#ifdef DROP_TRACKING_ACCEPTED
            takeSubscribed()
#else
            skip              /* no use: it is lost sooner or later */
#endif
       :: m == PONG -> takePong()
       :: m == EARLY_PONG -> seen = unsent; takePong()
       :: m == RECORD -> forgetRecord()
       :: m == CHANGE -> forgetRecord(); acknowledge()
       :: m == SIGNAL -> takeSignal()
       fi;
       tidy() }
#ifdef DROP_ORDER_OF_PONG
  :: d_step { fromStoreI??[PONG,_,_] -> fromStoreI??PONG,a,p; printf("worker takes a PONG ahead of others\n"); takePong(); tidy() }
#endif
#ifdef DROP_ORDER_OF_SIGNAL
  :: d_step { fromStoreI??[SIGNAL,_,_] -> fromStoreI??SIGNAL,_,_; printf("worker takes a signal ahead of others\n"); takeSignal(); tidy() }
#endif

  /* ---- The worker sends ---- */
  /* Also what is cached, as it may have lapsed. After the revoke a read finds nothing that could do harm. */
  :: d_step { good && !reading && nfull(toStoreD) ->
       reading = 1; uncacheable = !(MAY_CACHE); toStoreD!READ(LAPSED);
       printf("worker reads; may be kept: %d\n", MAY_CACHE) }
#ifndef DROP_MEMBERSHIP
  :: d_step { !member && !joining && nfull(toStoreD) ->
       /* With a new token, so what was the newest is a former one. */
       joining = 1; formerLate = (formerLate || newestLate); newestLate = 0;
# ifndef DROP_NEW_TOKEN
       if :: entry == NEWEST -> entry = FORMER :: else fi;
# endif
       toStoreD!JOIN(0); printf("worker joins\n");
# ifdef DROP_JOIN_ACKNOWLEDGED
       a = 0; takeJoined(); joining = 1; tidy()
# endif
     }
  :: d_step { member && !asking && nfull(toStoreD) -> asking = 1; toStoreD!GET(0); printf("worker asks for its entry\n") }
#endif
  :: d_step { standing && pings < PINGS && nfull(toStoreI) ->
       pings++;
       if :: seen -> toStoreI!LATER_PING(0, answeredAge) :: else -> toStoreI!PING(0, answeredAge) fi;
       printf("worker sends a ping, which is to prove %d\n", answeredAge) }

  /* ---- Links are lost, or given up; messages go missing from the end, as the server's side may be gone before ---- */
  :: d_step { true ->
       printf("invalidation link is lost\n");
#ifndef DROP_IN_FLIGHT
       uncacheable = reading;
#endif
       connectI() }
  :: d_step { true ->
       printf("data link is lost\n");
       newestLate = (newestLate || toStoreD??[JOIN,_]);
       do :: nempty(toStoreD) -> toStoreD?_,_ :: empty(toStoreD) -> break od;
       do :: nempty(fromStoreD) -> fromStoreD?_,_ :: empty(fromStoreD) -> break od;
#ifdef RESTART
       deadD = 0;
#endif
       joining = 0; asking = 0; reading = 0; uncacheable = 0 }

  /* ---- A request comes ---- */
#if defined(REACHED_ASKING)
  :: cached && TRUSTED && revoker == ASKING -> assert(false)
#elif defined(REACHED_GRACE)
  :: cached && TRUSTED && !standing && currentAge >= LEASE && revoker == ASKING -> assert(false)
#elif defined(REACHED_ANSWER)
  :: reading && revoker == DONE && acknowledged -> assert(false)
#elif defined(REACHED_GONE)
  :: cached && TRUSTED && entry == NONE -> assert(false)
#elif defined(REACHED_EARLY)
  :: cached && TRUSTED && revoker == ASKING && unsent && fromStoreI??[EARLY_PONG,_,_] -> assert(false)
#elif defined(REACHED_FORMER)
  :: member && entry == FORMER -> assert(false)
#endif
  :: cached && TRUSTED && revoker == DONE ->
       printf("a request is let in from the cache\n");
       assert(false)
#ifdef DROP_UNSENT
  :: reading && revoker == DONE && fromStoreD??[ACTIVE,_] ->
       printf("a request joins the read that is on its way, and is let in\n");
       assert(false)
#endif
  od
}
