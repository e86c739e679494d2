/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway of a few canned replies, on threads of the test program. */
#ifndef SL_TEST_CLIENT_SERVER_H
#define SL_TEST_CLIENT_SERVER_H

/* Starts it once for the process; every call gives "http://127.0.0.1:PORT". What it answers, by path:
 * routes/ two pages of one route · routes/NAME and POST routes/ one route · limits/… limits ·
 * /gateway/chat/… a reply, or a stream of three events when the body asks for one ·
 * /gateway/busy/… 429 with Retry-After: 0, then as chat · /gateway/gone/… closes · /gateway/silent/… nothing */
const char *server_url(void);
/* Serves one connection until its peer closes. */
void server_serve(int fd);
/* Requests so far. */
int server_count(void);

#endif
