/* SPDX-License-Identifier: Apache-2.0 */
/* What runs inside of Redis: each script is one step that nobody sees half done. Numbers are whole, below 2^53, because
 * Lua counts in doubles. Times are microseconds since 1970, on the server's clock.
 *
 * Keys, all with one hash tag, so that a cluster has them in one slot:
 *   …:epoch   a hash. id: a random word, new whenever the data may be older than what the nodes know; run: the life of
 *             the server in which that epoch began; since: when; open: 1, calls are admitted; g:WORKER: the number of
 *             the worker's last connection; x:WORKER: it is waited for, d:WORKER: it has told its shares
 *   …:nodes   a sorted set of workers, by when they were heard of last
 *   …:news    a sorted set of what processes have told each other a short time ago, by time
 *   …:c:NAME  a counter, a hash. s, e: begin and end of its window; u: used; r: the part of it that calls hold;
 *             u:WORKER, r:WORKER: each worker's own part; f: what was used at least, according to the nodes; l: until
 *             then leases may be out. What a lease has is used (u), and of all kinds but requests also held (r)
 */
#ifndef SL_GATE_FLEET_SCRIPT_H
#define SL_GATE_FLEET_SCRIPT_H

enum sl_fleet_script {
    /* KEYS epoch, nodes; ARGV worker, number of its connection, the server's life, a new random word, peers that live
     * as far as it knows. {id, open, now, workers} */
    SL_FLEET_JOIN,
    /* KEYS epoch, nodes, counters; ARGV id, worker, connection, then for each counter: s, e, used and reserved of the
     * worker, floor, period if it is a session's, else 0. {1, now, (s, e, u, r) of each}; {-1}: another epoch */
    SL_FLEET_SHARE,
    /* KEYS epoch, nodes; ARGV id, worker, connection. All shares were told. {open}; {-1} */
    SL_FLEET_TOLD,
    /* KEYS epoch, nodes; ARGV id, worker, connection. {1, now, workers}; {-1} */
    SL_FLEET_BEAT,
    /* KEYS epoch, nodes, counters; ARGV id, worker, connection, 1: look for what dead nodes hold, how many workers
     * live, then for each counter: cap, need, period (0: none), two ends of the calendar's period or 0, 0: it is spent;
     * 1: it is held, 2: as 0, and the window moves with each call; 3: as 1, and so; how much more is wanted as a lease.
     * {1 or 0, now, (s, e, u, r, u:WORKER, lease: how much was granted; else 0; -1: none is out) of each}; {-1}; {-2}:
     * not open */
    SL_FLEET_ADMIT,
    /* KEYS epoch, nodes, counters; ARGV id, worker, connection, then for each counter: s, what was reserved, what was
     * used of it (less than 0: what was not even reserved is given back). {1}; {-1} */
    SL_FLEET_SETTLE,
    /* KEYS epoch, nodes; ARGV worker. {1} */
    SL_FLEET_LEAVE,
    /* KEYS epoch, nodes, news; ARGV process, since when it wants to know, a number that it never gives twice, what it
     * tells. {until then it knows all, 1: there are more, the texts of others…} */
    SL_FLEET_NEWS,
    SL_FLEET_SCRIPTS,
};

extern const char *const sl_fleet_scripts[SL_FLEET_SCRIPTS];

#endif
