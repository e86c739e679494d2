/* SPDX-License-Identifier: Apache-2.0 */
/* Reads TZif files (RFC 8536) and the rule for later years in their footer (POSIX TZ, RFC 8536 section 3.3). The C
 * library has such a reader for one zone of the whole process only. */
#include "base/zone.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

#define DAY_SEC 86400
/* The largest files of tzdata have about 4 KB. */
#define FILE_MAX      65536
#define ZONE_NAME_MAX 64

/* One of the two days of a year on which the footer's rule changes the offset. */
struct change {
    char form; /* 'M': the `week`th `day` of a month; 'J': a day from 1 without the 29th of February; 'n': from 0 */
    int month, week, day;
    int64_t sec; /* local time of day; may be negative or beyond a day */
};

struct footer {
    bool is_set, has_summer;
    int64_t standard, summer; /* seconds east of UTC */
    struct change begin, end; /* of the summer time */
};

struct sl_zone {
    struct sl_zone *next;
    int64_t *at; /* when an offset begins; unix seconds, ascending */
    int32_t *offset;
    uint32_t n;
    int32_t before; /* the offset before the first of these */
    struct footer footer;
    size_t n_name;
    char name[ZONE_NAME_MAX + 1];
};

static struct sl_zone *zones;
static pthread_mutex_t zones_lock = PTHREAD_MUTEX_INITIALIZER; /* guards `zones`; a zone never changes */

/* --- dates: the civil-from-days rules (Hinnant) --- */

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *ret_y, int64_t *ret_m, int64_t *ret_d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *ret_d = of_year - (153 * m + 2) / 5 + 1;
    *ret_m = m < 10 ? m + 3 : m - 9;
    *ret_y = y + era * 400 + (*ret_m <= 2);
}

static int64_t floor_days(int64_t sec)
{
    return sec >= 0 ? sec / DAY_SEC : -((-sec + DAY_SEC - 1) / DAY_SEC);
}

/* --- offsets --- */

/* The day of a change in a year, as days since 1970. */
static int64_t change_day(const struct change *c, int64_t year)
{
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (c->form == 'J') {
        return days_from_civil(year, 1, 1) + c->day - 1 + (is_leap && c->day > 59);
    }
    if (c->form == 'n') {
        return days_from_civil(year, 1, 1) + c->day;
    }
    int64_t first = days_from_civil(year, c->month, 1);
    int64_t last = days_from_civil(c->month == 12 ? year + 1 : year, c->month == 12 ? 1 : c->month + 1, 1) - 1;
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* the 1st of January 1970 was a Thursday */
    int64_t day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
    return day > last ? day - 7 : day;
}

static int64_t footer_offset(const struct footer *f, int64_t t)
{
    if (!f->has_summer) {
        return f->standard;
    }
    int64_t y, m, d;
    civil_from_days(floor_days(t + f->standard), &y, &m, &d);
    /* The last change before `t` decides; near a new year it may be one of the year before. */
    int64_t best = INT64_MIN, offset = f->standard;
    for (int64_t year = y - 1; year <= y + 1; year++) {
        int64_t begin = change_day(&f->begin, year) * DAY_SEC + f->begin.sec - f->standard;
        int64_t end = change_day(&f->end, year) * DAY_SEC + f->end.sec - f->summer;
        if (begin <= t && begin > best) {
            best = begin;
            offset = f->summer;
        }
        if (end <= t && end > best) {
            best = end;
            offset = f->standard;
        }
    }
    return offset;
}

static int64_t offset_at(const struct sl_zone *zone, int64_t t)
{
    if (zone->n && t < zone->at[0]) {
        return zone->before;
    }
    if (!zone->n || (zone->footer.is_set && t >= zone->at[zone->n - 1])) {
        return zone->footer.is_set ? footer_offset(&zone->footer, t) : zone->before;
    }
    uint32_t low = 0, high = zone->n;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        *(zone->at[mid] <= t ? &low : &high) = mid;
    }
    return zone->offset[low];
}

uint64_t sl_zone_next(const struct sl_zone *zone, enum sl_calendar unit, uint64_t now_wall_usec)
{
    int64_t now = (int64_t)(now_wall_usec / SL_USEC_PER_SEC), y, m, d;
    civil_from_days(floor_days(now + offset_at(zone, now)), &y, &m, &d);
    int64_t day = unit == SL_CALENDAR_DAY     ? days_from_civil(y, m, d) + 1
                  : unit == SL_CALENDAR_MONTH ? days_from_civil(m == 12 ? y + 1 : y, m == 12 ? 1 : m + 1, 1)
                                              : days_from_civil(y + 1, 1, 1);
    int64_t local = day * DAY_SEC, from = local - 2 * DAY_SEC, to = local + 2 * DAY_SEC;
    /* The midnight under the offset before it, else under the one behind it. */
    int64_t offsets[] = { offset_at(zone, from), offset_at(zone, to) };
    int64_t best = INT64_MAX;
    for (size_t i = 0; i < SL_ARRAY_LEN(offsets); i++) {
        int64_t at = local - offsets[i];
        if (at > now && offset_at(zone, at) == offsets[i] && at < best) {
            best = at;
        }
    }
    if (best == INT64_MAX) {
        /* The clock jumps over midnight: the day begins with the other offset. */
        while (to - from > 1) {
            int64_t mid = from + (to - from) / 2;
            *(offset_at(zone, mid) == offsets[0] ? &from : &to) = mid;
        }
        best = SL_MAX(to, now + 1);
    }
    return (uint64_t)best * SL_USEC_PER_SEC;
}

unsigned sl_zone_weekday(const struct sl_zone *zone, uint64_t now_wall_usec)
{
    int64_t t = (int64_t)(now_wall_usec / SL_USEC_PER_SEC);
    int64_t days = floor_days(t + offset_at(zone, t)) + 3; /* 1970 began on a Thursday */
    return (unsigned)((days % 7 + 7) % 7);
}

/* --- the footer --- */

static bool number_read(struct sl_str *io, int max, int *ret)
{
    size_t n = 0;
    int v = 0;
    while (n < io->n && io->p[n] >= '0' && io->p[n] <= '9' && v <= max) {
        v = v * 10 + (io->p[n++] - '0');
    }
    *io = sl_str_sub(*io, n, io->n);
    *ret = v;
    return n > 0 && v <= max;
}

static bool char_take(struct sl_str *io, char c)
{
    bool is_there = io->n && io->p[0] == c;
    if (is_there) {
        *io = sl_str_sub(*io, 1, io->n);
    }
    return is_there;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool time_read(struct sl_str *io, int64_t *ret)
{
    int parts[3] = { 0 };
    bool is_minus = char_take(io, '-');
    SL_IGNORE(!is_minus && char_take(io, '+'));
    bool is_good = number_read(io, 167, &parts[0]);
    for (int i = 1; is_good && i < 3 && char_take(io, ':'); i++) {
        is_good = number_read(io, 59, &parts[i]);
    }
    int64_t sec = parts[0] * 3600 + parts[1] * 60 + parts[2];
    *ret = is_minus ? -sec : sec;
    return is_good;
}

/* "CET" or "<+0330>"; only its length counts. */
static bool name_skip(struct sl_str *io)
{
    bool is_quoted = char_take(io, '<');
    size_t n = 0;
    while (n < io->n && (is_quoted ? io->p[n] != '>' : (io->p[n] | 0x20) >= 'a' && (io->p[n] | 0x20) <= 'z')) {
        n++;
    }
    *io = sl_str_sub(*io, n, io->n);
    return n > 0 && (!is_quoted || char_take(io, '>'));
}

static bool change_read(struct sl_str *io, struct change *ret)
{
    *ret = (struct change){ .form = 'n', .sec = 2 * 3600 };
    bool is_good;
    if (char_take(io, 'M')) {
        ret->form = 'M';
        is_good = number_read(io, 12, &ret->month) && char_take(io, '.') && number_read(io, 5, &ret->week) &&
                  char_take(io, '.') && number_read(io, 6, &ret->day) && ret->month && ret->week;
    } else {
        ret->form = char_take(io, 'J') ? 'J' : 'n';
        is_good = number_read(io, 365, &ret->day);
    }
    return is_good && (!char_take(io, '/') || time_read(io, &ret->sec));
}

/* Offsets of POSIX are seconds west. */
static bool footer_read(struct sl_str text, struct footer *ret)
{
    struct footer f = { .is_set = true };
    if (!name_skip(&text) || !time_read(&text, &f.standard)) {
        return false;
    }
    f.standard = -f.standard;
    if (text.n) {
        f.has_summer = name_skip(&text);
        f.summer = f.standard + 3600;
        if (f.has_summer && text.n && text.p[0] != ',') {
            f.has_summer = time_read(&text, &f.summer);
            f.summer = -f.summer;
        }
        if (!f.has_summer || !char_take(&text, ',') || !change_read(&text, &f.begin) || !char_take(&text, ',') ||
            !change_read(&text, &f.end) || text.n) {
            return false;
        }
    }
    *ret = f;
    return true;
}

/* --- the file --- */

static int64_t big_endian(const char *p, unsigned n)
{
    uint64_t v = (p[0] & 0x80) ? UINT64_MAX : 0;
    for (unsigned i = 0; i < n; i++) {
        v = v << 8 | (unsigned char)p[i];
    }
    return (int64_t)v;
}

struct counts {
    uint64_t is_ut, is_std, leap, time, type, chars;
};

#define HEADER 44

static bool header_read(struct sl_str bytes, struct counts *ret)
{
    if (bytes.n < HEADER || memcmp(bytes.p, "TZif", 4) != 0) {
        return false;
    }
    uint64_t *const fields[] = { &ret->is_ut, &ret->is_std, &ret->leap, &ret->time, &ret->type, &ret->chars };
    for (size_t i = 0; i < SL_ARRAY_LEN(fields); i++) {
        *fields[i] = (uint64_t)big_endian(bytes.p + 20 + 4 * i, 4);
        if (*fields[i] > FILE_MAX) {
            return false;
        }
    }
    return ret->type > 0;
}

/* The length of a data block whose times have `wide` bytes. */
static size_t block_len(const struct counts *c, size_t wide)
{
    return c->time * wide + c->time + c->type * 6 + c->chars + c->leap * (wide + 4) + c->is_std + c->is_ut;
}

static int block_read(const char *p, const struct counts *c, struct sl_zone *zone)
{
    const char *kinds = p + c->time * 8, *types = kinds + c->time;
    zone->at = malloc((c->time + 1) * sizeof(*zone->at));
    zone->offset = malloc((c->time + 1) * sizeof(*zone->offset));
    if (!zone->at || !zone->offset) {
        return SL_E_NOMEM;
    }
    zone->before = (int32_t)big_endian(types, 4);
    for (uint32_t i = 0; i < c->time; i++) {
        unsigned kind = (unsigned char)kinds[i];
        zone->at[i] = big_endian(p + (size_t)i * 8, 8);
        if (kind >= c->type || (i && zone->at[i] <= zone->at[i - 1])) {
            return SL_E_INVAL;
        }
        zone->offset[i] = (int32_t)big_endian(types + (size_t)kind * 6, 4);
    }
    zone->n = (uint32_t)c->time;
    return 0;
}

/* Reads the block with times of eight bytes, and the footer. */
static int bytes_read(struct sl_str bytes, struct sl_zone *zone)
{
    struct counts c;
    if (!header_read(bytes, &c) || bytes.p[4] < '2' || bytes.n < HEADER + block_len(&c, 4)) {
        return SL_E_INVAL;
    }
    bytes = sl_str_sub(bytes, HEADER + block_len(&c, 4), bytes.n);
    if (!header_read(bytes, &c) || bytes.n < HEADER + block_len(&c, 8) + 2) {
        return SL_E_INVAL;
    }
    int r = block_read(bytes.p + HEADER, &c, zone);
    struct sl_str footer = sl_str_sub(bytes, HEADER + block_len(&c, 8), bytes.n);
    if (r == 0 && (footer.p[0] != '\n' || footer.p[footer.n - 1] != '\n')) {
        return SL_E_INVAL;
    }
    footer = footer.n > 2 ? sl_str_sub(footer, 1, footer.n - 1) : SL_STR_NONE;
    return r == 0 && footer.n && !footer_read(footer, &zone->footer) ? SL_E_INVAL : r;
}

static int file_read(const char *path, struct sl_zone *zone)
{
    char bytes[FILE_MAX];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return SL_E_NOTFOUND;
    }
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, bytes, sizeof(bytes)) : -1;
    close(fd);
    return n > 0 && n < (ssize_t)sizeof(bytes) ? bytes_read(sl_str_make(bytes, (size_t)n), zone) : SL_E_INVAL;
}

/* --- by name --- */

/* True: a name as tzdata has them, which leads out of no folder. */
static bool is_name(struct sl_str name)
{
    bool is_good = name.n > 0 && name.n <= ZONE_NAME_MAX && name.p[0] != '/' && name.p[0] != '.' && name.p[0] != '-';
    for (size_t i = 0; is_good && i < name.n; i++) {
        char c = name.p[i], lower = (char)(c | 0x20);
        bool is_word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+';
        is_good = is_word || (c == '/' && i + 1 < name.n && name.p[i + 1] != '/');
    }
    return is_good;
}

static void zone_free(struct sl_zone *zone)
{
    if (zone) {
        free(zone->at);
        free(zone->offset);
        free(zone);
    }
}

static int zone_read(struct sl_str name, struct sl_zone **ret, struct sl_err *err)
{
    const char *folder = getenv("TZDIR");
    char path[512];
    struct sl_zone *zone = calloc(1, sizeof(*zone));
    if (!zone) {
        return sl_fail_nomem(err);
    }
    memcpy(zone->name, name.p, name.n);
    zone->n_name = name.n;
    folder = folder && *folder ? folder : "/usr/share/zoneinfo";
    snprintf(path, sizeof(path), "%s/%.*s", folder, SL_STR_ARG(name));
    bool is_utc = sl_str_eq_c(name, "UTC");
    int r = is_utc ? 0 : file_read(path, zone);
    if (is_utc) {
        zone->footer = (struct footer){ .is_set = true };
    }
    if (r < 0) {
        zone_free(zone);
        return r == SL_E_NOMEM ? sl_fail_nomem(err)
               : r == SL_E_NOTFOUND
                   ? sl_fail(err, SL_E_INVAL,
                             "\"%.*s\" is no time zone: there is no %s (zones need the package tzdata, and have names "
                             "like Europe/Berlin)",
                             SL_STR_ARG(name), path)
                   : sl_fail(err, SL_E_INVAL, "\"%.*s\" is no time zone: %s cannot be read", SL_STR_ARG(name), path);
    }
    *ret = zone;
    return 0;
}

int sl_zone_get(struct sl_str name, const struct sl_zone **ret, struct sl_err *err)
{
    if (!is_name(name)) {
        return sl_fail(err, SL_E_INVAL, "must be the name of a time zone like Europe/Berlin or UTC");
    }
    pthread_mutex_lock(&zones_lock);
    struct sl_zone *zone = zones;
    while (zone && !sl_str_eq(sl_zone_name(zone), name)) {
        zone = zone->next;
    }
    int r = 0;
    if (!zone) {
        r = zone_read(name, &zone, err);
        if (r == 0) {
            zone->next = zones;
            zones = zone;
        }
    }
    if (r == 0) {
        *ret = zone;
    }
    pthread_mutex_unlock(&zones_lock);
    return r;
}

struct sl_str sl_zone_name(const struct sl_zone *zone)
{
    return sl_str_make(zone->name, zone->n_name);
}
