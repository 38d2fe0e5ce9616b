using System.Buffers;
using System.Globalization;

namespace Skylight.Dicom;

/// <summary>The form of text values (PS3.5 table 6.2-1).</summary>
internal static class ValueFormats
{
    public static bool IsValid(Vr vr, string value) => vr.Code switch
    {
        VrCode.DA => IsDate(value),
        VrCode.TM => IsTime(value),
        VrCode.DT => IsDateTime(value),
        VrCode.AS => value.Length == 4 && value.AsSpan(0, 3).IndexOfAnyExceptInRange('0', '9') < 0 && value[3] is ('D' or 'W' or 'M' or 'Y'),
        VrCode.CS => value.AsSpan().IndexOfAnyExcept(s_code) < 0,
        VrCode.IS => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
        VrCode.DS => value.AsSpan().IndexOfAnyExcept(s_decimal) < 0 && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d),
        VrCode.UI => DicomUids.IsValid(value),
        VrCode.AE => value.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0 && !value.Contains('\\', StringComparison.Ordinal),
        VrCode.UR => !value.Contains(' ', StringComparison.Ordinal),
        VrCode.PN => value.Split('=').Length <= 3 && !HasControl(value),
        VrCode.LO or VrCode.SH or VrCode.UC => !HasControl(value),
        _ => true,
    };

    private static readonly SearchValues<char> s_decimal = SearchValues.Create("+-0123456789.eE");
    private static readonly SearchValues<char> s_code = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _");

    private static bool HasControl(string value)
    {
        foreach (var c in value)
            if (c < ' ' && c != '\u001b') return true;
        return false;
    }

    private static bool IsDate(ReadOnlySpan<char> v) => v.Length == 8 && DateOnly.TryParseExact(v, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    /// <summary>HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF; a leap second is allowed.</summary>
    private static bool IsTime(ReadOnlySpan<char> v)
    {
        var dot = v.IndexOf('.');
        if (dot >= 0)
        {
            var fraction = v[(dot + 1)..];
            if (dot != 6 || fraction.Length is 0 or > 6 || fraction.IndexOfAnyExceptInRange('0', '9') >= 0) return false;
            v = v[..dot];
        }

        return v.Length is 2 or 4 or 6 && v.IndexOfAnyExceptInRange('0', '9') < 0
            && Pair(v, 0) < 24 && (v.Length < 4 || Pair(v, 2) < 60) && (v.Length < 6 || Pair(v, 4) <= 60);
    }

    /// <summary>YYYY[MM[DD[HH[MM[SS[.F…]]]]]][±ZZXX].</summary>
    private static bool IsDateTime(ReadOnlySpan<char> v)
    {
        var zone = v.LastIndexOfAny('+', '-');
        if (zone >= 4)
        {
            var z = v[(zone + 1)..];
            if (z.Length != 4 || z.IndexOfAnyExceptInRange('0', '9') >= 0 || Pair(z, 0) > 14 || Pair(z, 2) > 59) return false;
            v = v[..zone];
        }

        if (v.Length > 8) return IsDate(v[..8]) && IsTime(v[8..]);
        return v.Length switch
        {
            4 => v.IndexOfAnyExceptInRange('0', '9') < 0,
            6 => v.IndexOfAnyExceptInRange('0', '9') < 0 && Pair(v, 4) is >= 1 and <= 12,
            8 => IsDate(v),
            _ => false,
        };
    }

    private static int Pair(ReadOnlySpan<char> v, int at) => (v[at] - '0') * 10 + v[at + 1] - '0';
}
