/* SPDX-License-Identifier: Apache-2.0 */
/* When days, months and years begin: fixed cases, and many zones over many years against the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/zone.h"

static const struct sl_zone *zone(const char *name)
{
    const struct sl_zone *found = NULL;
    struct sl_err err = { 0 };
    if (sl_zone_get(sl_str_c(name), &found, &err) < 0) {
        fail_msg("%s: %s", name, err.text);
    }
    return found;
}

/* "2026-03-29 00:30:00" of UTC in microseconds. */
static uint64_t utc(const char *text)
{
    struct tm tm = { 0 };
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return (uint64_t)timegm(&tm) * SL_USEC_PER_SEC;
}

static void days_months_and_years_begin_where_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        enum sl_calendar unit;
        const char *now, *next;
    } cases[] = {
        { "UTC", SL_CALENDAR_DAY, "2026-11-30 23:59:59", "2026-12-01 00:00:00" },
        { "UTC", SL_CALENDAR_DAY, "2026-12-01 00:00:00", "2026-12-02 00:00:00" },
        { "UTC", SL_CALENDAR_MONTH, "2026-12-01 00:00:00", "2027-01-01 00:00:00" },
        { "UTC", SL_CALENDAR_MONTH, "2028-02-29 12:00:00", "2028-03-01 00:00:00" },
        { "UTC", SL_CALENDAR_YEAR, "2026-01-01 00:00:00", "2027-01-01 00:00:00" },
        { "Europe/Berlin", SL_CALENDAR_DAY, "2026-11-30 22:59:59", "2026-11-30 23:00:00" },
        { "Europe/Berlin", SL_CALENDAR_MONTH, "2026-11-30 23:00:00", "2026-12-31 23:00:00" },
        /* A day of 23 hours, and one of 25. */
        { "Europe/Berlin", SL_CALENDAR_DAY, "2026-03-28 23:00:00", "2026-03-29 22:00:00" },
        { "Europe/Berlin", SL_CALENDAR_DAY, "2026-10-24 22:00:00", "2026-10-25 23:00:00" },
        { "Europe/Berlin", SL_CALENDAR_MONTH, "2026-03-01 00:00:00", "2026-03-31 22:00:00" },
        /* Far beyond the table, by the rule in its footer. */
        { "Europe/Berlin", SL_CALENDAR_DAY, "2085-07-01 12:00:00", "2085-07-01 22:00:00" },
        { "Europe/Berlin", SL_CALENDAR_DAY, "2085-01-01 12:00:00", "2085-01-01 23:00:00" },
        { "America/New_York", SL_CALENDAR_DAY, "2060-07-04 03:59:59", "2060-07-04 04:00:00" },
        { "Australia/Sydney", SL_CALENDAR_YEAR, "2061-06-01 00:00:00", "2061-12-31 13:00:00" },
        { "Asia/Kathmandu", SL_CALENDAR_DAY, "2026-11-30 18:14:59", "2026-11-30 18:15:00" },
        { "Pacific/Kiritimati", SL_CALENDAR_DAY, "2026-11-30 09:59:59", "2026-11-30 10:00:00" },
        /* The clock jumps over midnight: the day begins at one o'clock. */
        { "America/Sao_Paulo", SL_CALENDAR_DAY, "2017-10-14 12:00:00", "2017-10-15 03:00:00" },
        { "Asia/Beirut", SL_CALENDAR_DAY, "2022-03-26 12:00:00", "2022-03-26 22:00:00" },
        /* The clock goes back at midnight: the hour before it comes twice. */
        { "America/Sao_Paulo", SL_CALENDAR_DAY, "2018-02-17 12:00:00", "2018-02-18 03:00:00" },
        { "America/Havana", SL_CALENDAR_DAY, "2022-11-05 12:00:00", "2022-11-06 04:00:00" },
        /* A date that was left out. */
        { "Pacific/Apia", SL_CALENDAR_DAY, "2011-12-30 09:59:59", "2011-12-30 10:00:00" },
        { "Pacific/Apia", SL_CALENDAR_DAY, "2011-12-30 10:00:00", "2011-12-31 10:00:00" },
        /* Summer time that is negative, and a rule of hours before midnight. */
        { "Europe/Dublin", SL_CALENDAR_DAY, "2070-07-01 12:00:00", "2070-07-01 23:00:00" },
        { "America/Nuuk", SL_CALENDAR_DAY, "2070-07-01 12:00:00", "2070-07-02 01:00:00" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        uint64_t got = sl_zone_next(zone(cases[i].zone), cases[i].unit, utc(cases[i].now)), want = utc(cases[i].next);
        if (got != want) {
            fail_msg("case %zu: %s %s: %lld s after the right time", i, cases[i].zone, cases[i].now,
                     (long long)(got - want) / (long long)SL_USEC_PER_SEC);
        }
    }
}

/* Two local times have the same date down to this unit. */
static bool is_same_date(const struct tm *a, const struct tm *b, enum sl_calendar unit)
{
    return a->tm_year == b->tm_year && (unit == SL_CALENDAR_YEAR || a->tm_mon == b->tm_mon) &&
           (unit != SL_CALENDAR_DAY || a->tm_mday == b->tm_mday);
}

static struct tm local(uint64_t usec)
{
    time_t t = (time_t)(usec / SL_USEC_PER_SEC);
    struct tm tm;
    localtime_r(&t, &tm);
    return tm;
}

/* A second before the boundary it is still the date of now, at it another one: the C library says so too. */
static void the_c_library_agrees(void **state)
{
    (void)state;
    static const char *const names[] = {
        "UTC",
        "Europe/Berlin",
        "Europe/London",
        "Europe/Dublin",
        "America/New_York",
        "America/St_Johns",
        "America/Nuuk",
        "America/Los_Angeles",
        "Asia/Kolkata",
        "Asia/Tehran",
        "Asia/Jerusalem",
        "Africa/Casablanca",
        "Africa/Cairo",
        "Australia/Lord_Howe",
        "Asia/Tokyo",
        "Pacific/Auckland",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "America/Sao_Paulo",
        "Antarctica/Troll",
        "America/Santiago",
        "Asia/Gaza",
        "America/Havana",
    };
    uint64_t rng = 7;
    for (size_t n = 0; n < SL_ARRAY_LEN(names); n++) {
        const struct sl_zone *z = zone(names[n]);
        setenv("TZ", names[n], 1);
        tzset();
        for (unsigned i = 0; i < 4000; i++) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            uint64_t now = utc("2015-01-01 00:00:00") + (rng >> 33) % (60ull * 365 * 86400) * SL_USEC_PER_SEC;
            enum sl_calendar unit = (enum sl_calendar)(i % 3);
            uint64_t next = sl_zone_next(z, unit, now);
            struct tm here = local(now), before = local(next - SL_USEC_PER_SEC), there = local(next);
            if (next <= now || !is_same_date(&here, &before, unit) || is_same_date(&here, &there, unit)) {
                fail_msg("%s, unit %d: after %llu comes %llu", names[n], (int)unit,
                         (unsigned long long)(now / SL_USEC_PER_SEC), (unsigned long long)(next / SL_USEC_PER_SEC));
            }
        }
    }
    unsetenv("TZ");
    tzset();
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",         "/etc/passwd", "../passwd", "Europe//Berlin", "Europe/", "Europe/../UTC", "Nowhere", "Europe",
        "zone.tab", "-1",          "a b",       "UTC\n"
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        const struct sl_zone *found = NULL;
        struct sl_err err = { 0 };
        assert_int_equal(sl_zone_get(sl_str_c(names[i]), &found, &err), SL_E_INVAL);
        assert_null(found);
        assert_true(err.text[0]);
    }
    assert_ptr_equal(zone("Europe/Berlin"), zone("Europe/Berlin"));
    assert_true(sl_str_eq_c(sl_zone_name(zone("Europe/Berlin")), "Europe/Berlin"));
}

/* Every file of a zone that is cut or has a bit turned is read or refused, and nothing worse. */
static void damaged_files_are_refused(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-zone-XXXXXX", path[128], bytes[65536];
    assert_non_null(mkdtemp(dir));
    FILE *in = fopen("/usr/share/zoneinfo/America/New_York", "rb");
    assert_non_null(in);
    size_t n = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    setenv("TZDIR", dir, 1);
    for (size_t i = 0; i < 600; i++) {
        char name[32];
        const struct sl_zone *found = NULL;
        snprintf(name, sizeof(name), "damaged%zu", i);
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        FILE *out = fopen(path, "wb");
        size_t at = i * 7919 % n, cut = i % 2 ? n : at;
        bytes[at] ^= (char)(i % 2 ? 1 << i % 8 : 0);
        assert_int_equal(fwrite(bytes, 1, cut, out), cut);
        fclose(out);
        if (sl_zone_get(sl_str_c(name), &found, NULL) == 0) {
            assert_true(sl_zone_next(found, SL_CALENDAR_MONTH, utc("2026-03-08 06:00:00")) >
                        utc("2026-03-08 06:00:00"));
        }
        bytes[at] ^= (char)(i % 2 ? 1 << i % 8 : 0);
        remove(path);
    }
    unsetenv("TZDIR");
    remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_months_and_years_begin_where_they_are),
        cmocka_unit_test(the_c_library_agrees),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
