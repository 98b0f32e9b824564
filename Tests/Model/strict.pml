/* strict.pml: nothing is cached, each request is answered by a read. May one that comes after the revoke be let in?
 *
 * Requests that come before the next read is sent share it. Reads are numbered in the order of their sending; their
 * replies carry no number, and are told apart by their order alone.
 * -DDROP_… takes one obligation away; README.md lists them.
 */
#define REQUESTS 3
#define READS 4

mtype = { IDLE, WAITING, ANSWERED };

/* The number that goes with a read is there to print it: neither side sees it. */
chan toStore = [READS] of { byte };
chan fromStore = [READS] of { byte, bit };

bit good = 1;                 /* the record says that the key is good */
bit exited = 0;               /* the revoker has its reply */

mtype request[REQUESTS] = IDLE;
byte readOf[REQUESTS];        /* the read that a request waits for */
bit late[REQUESTS];           /* it came after the revoker's exit */
byte sent = 0;                /* reads sent; also the number of the next */
byte answered = 0;            /* reads done with; also the number of the one whose reply is next */

/* Worked with inside one step, and left 0, so that they make no states. */
byte i = 0, number = 0;
bit value = 0;
inline tidy() { i = 0; number = 0; value = 0 }

#define ANY_WAITS(read) ((request[0] == WAITING && readOf[0] == read) || \
                         (request[1] == WAITING && readOf[1] == read) || \
                         (request[2] == WAITING && readOf[2] == read))
#define SOME_IDLE (request[REQUESTS - 1] == IDLE)

/* Requests are alike, so the first that is idle comes first. */
inline come(read) {
  do :: request[i] != IDLE -> i++ :: else -> break od;
  request[i] = WAITING; late[i] = exited; readOf[i] = read;
  printf("request %d comes, waits for read %d\n", i, read);
  tidy()
}

/* All that wait for this read, or for an earlier one, are answered. */
inline answer(read, isGood) {
  do
  :: i < REQUESTS ->
       if
       :: request[i] == WAITING && readOf[i] <= read ->
            request[i] = ANSWERED;
            printf("request %d is let in: %d\n", i, isGood);
            assert(!(isGood && late[i]))
       :: else
       fi;
       i++
  :: else -> break
  od
}

active proctype Model()
{
  do
  /* ---- The revoker ---- */
  :: d_step { good -> good = 0; printf("store: the record is revoked\n") }
  :: d_step { !good && !exited -> exited = 1; printf("revoker has the reply, and exits\n") }

  /* ---- The store ---- */
  :: d_step { nempty(toStore) ->
       toStore?number; fromStore!number,good; printf("store takes read %d: good %d\n", number, good); tidy() }

  /* ---- Requests ---- */
  :: d_step { SOME_IDLE -> come(sent) }
#ifdef DROP_UNSENT
  :: d_step { SOME_IDLE && sent > answered -> come(sent - 1) }
#endif

  /* ---- The worker ---- */
  :: d_step { sent < READS && ANY_WAITS(sent) -> toStore!sent; sent++; printf("read %d is sent\n", sent - 1) }
  :: d_step { nempty(fromStore) ->
       fromStore?number,value;
       printf("reply of read %d is taken for read %d\n", number, answered);
       answer(answered, value); answered++; tidy() }
  :: d_step { sent > answered ->
#ifdef DROP_CLOSE
       answer(answered, 0); answered++; printf("a read takes too long, and is given up\n");
#else
       /* With the link go all that were on it. */
       answer(sent - 1, 0); answered = sent; printf("a read takes too long, the link is closed\n");
       do :: nempty(toStore) -> toStore?_ :: empty(toStore) -> break od;
       do :: nempty(fromStore) -> fromStore?_,_ :: empty(fromStore) -> break od;
#endif
       tidy() }
  od
}
