/* SPDX-License-Identifier: Apache-2.0 */
/* All words of the translation layer, for who translates: a call, its reply, the deltas of a stream, usage, errors, and
 * a provider. How a client or an upstream speaks is in language.h.
 *
 * Everything here is pure: no I/O, no clock, no globals; time, randomness and credentials come in with the call, memory
 * from the arena given. */
#ifndef SL_LLM_LLM_H
#define SL_LLM_LLM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/opt.h"
#include "json/scan.h"
#include "llm/core/call.h"
#include "llm/core/error.h"
#include "llm/core/frame.h"
#include "llm/core/http_req.h"
#include "llm/core/provider.h"
#include "llm/core/reply.h"
#include "llm/core/target.h"

#endif
