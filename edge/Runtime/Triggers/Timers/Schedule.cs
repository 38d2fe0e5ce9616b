using System.Globalization;

namespace Skylight.Edge.Runtime.Triggers.Timers;

/// <summary>When a timer function is due: an NCRONTAB expression or a constant interval, in UTC.</summary>
public abstract class Schedule
{
    /// <summary>The first time that is later than <paramref name="after"/>; null when there is none within ten years (30 February).</summary>
    public abstract DateTime? Next(DateTime after);

    /// <summary>
    /// Six fields (second minute hour day month day-of-week), five (no seconds), or a time span such as <c>00:05:00</c>. A field is <c>*</c>,
    /// a value, a range <c>a-b</c>, each with an optional step <c>/n</c>, or a list of these; months and days of the week also by English
    /// name; Sunday is 0. As in NCRONTAB, day and day-of-week must both match.
    /// </summary>
    /// <exception cref="FormatException">Names the part that cannot be read.</exception>
    public static Schedule Parse(string text)
    {
        var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length == 1 && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var interval))
        {
            if (interval < TimeSpan.FromSeconds(1)) throw new FormatException($"the interval '{text}' is shorter than a second");
            return new Interval(interval);
        }

        return fields.Length switch
        {
            6 => new Crontab(fields),
            5 => new Crontab(["0", .. fields]),
            _ => throw new FormatException($"'{text}' has {fields.Length} fields; NCRONTAB has six (or five, without seconds)"),
        };
    }

    private sealed class Interval(TimeSpan span) : Schedule
    {
        public override DateTime? Next(DateTime after) => after + span;
    }

    private sealed class Crontab : Schedule
    {
        private static readonly string[] Months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        private static readonly string[] Days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        private readonly ulong _seconds;
        private readonly ulong _minutes;
        private readonly ulong _hours;
        private readonly ulong _daysOfMonth;
        private readonly ulong _months;
        private readonly ulong _daysOfWeek;

        public Crontab(string[] fields)
        {
            _seconds = Field(fields[0], "second", 0, 59, []);
            _minutes = Field(fields[1], "minute", 0, 59, []);
            _hours = Field(fields[2], "hour", 0, 23, []);
            _daysOfMonth = Field(fields[3], "day", 1, 31, []);
            _months = Field(fields[4], "month", 1, 12, Months);
            _daysOfWeek = Field(fields[5], "day of week", 0, 6, Days);
        }

        public override DateTime? Next(DateTime after)
        {
            var time = new DateTime(after.Ticks - (after.Ticks % TimeSpan.TicksPerSecond), DateTimeKind.Utc).AddSeconds(1);
            var end = after.AddYears(10);
            while (time < end)
            {
                if (!Has(_months, time.Month)) time = new DateTime(time.Year, time.Month, 1, 0, 0, 0, DateTimeKind.Utc).AddMonths(1);
                else if (!Has(_daysOfMonth, time.Day) || !Has(_daysOfWeek, (int)time.DayOfWeek)) time = time.Date.AddDays(1);
                else if (!Has(_hours, time.Hour)) time = time.Date.AddHours(time.Hour + 1);
                else if (!Has(_minutes, time.Minute)) time = time.Date.AddHours(time.Hour).AddMinutes(time.Minute + 1);
                else if (!Has(_seconds, time.Second)) time = time.AddSeconds(1);
                else return time;
            }

            return null;
        }

        private static bool Has(ulong set, int value) => (set & (1UL << value)) != 0;

        private static ulong Field(string text, string name, int min, int max, string[] names)
        {
            var set = 0UL;
            foreach (var part in text.Split(','))
            {
                var slash = part.IndexOf('/', StringComparison.Ordinal);
                var range = slash < 0 ? part : part[..slash];
                var step = 1;
                if (slash >= 0 && (!int.TryParse(part.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out step) || step < 1)) throw Bad(part, name);
                int first, last;
                if (range == "*") (first, last) = (min, max);
                else
                {
                    var dash = range.IndexOf('-', StringComparison.Ordinal);
                    first = Value(dash < 0 ? range : range[..dash], name, min, max, names, part);
                    // A single value with a step runs to the end of the field: 5/15 is 5-59/15.
                    last = dash >= 0 ? Value(range[(dash + 1)..], name, min, max, names, part) : slash >= 0 ? max : first;
                    if (first > last) throw Bad(part, name);
                }

                for (var i = first; i <= last; i += step) set |= 1UL << i;
            }

            return set;
        }

        private static int Value(string text, string name, int min, int max, string[] names, string part)
        {
            var index = Array.FindIndex(names, n => text.Length >= 3 && n.Equals(text[..3], StringComparison.OrdinalIgnoreCase));
            if (index >= 0) return index + min;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max) return value;
            throw Bad(part, name);
        }

        private static FormatException Bad(string part, string name) => new($"'{part}' is not a {name}");
    }
}
