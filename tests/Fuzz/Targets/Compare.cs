using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

internal static class Compare
{
    /// <summary>The first element in which two datasets differ, in words; "" when none shows.</summary>
    public static string First(DicomDataset a, DicomDataset b)
    {
        for (var i = 0; i < Math.Max(a.Count, b.Count); i++)
        {
            if (i >= a.Count || i >= b.Count) return $"{a.Count} and {b.Count} elements";
            var (x, y) = (a[i], b[i]);
            if (x.Tag != y.Tag || x.Vr != y.Vr || !x.Value.Span.SequenceEqual(y.Value.Span)) return $"{x} and {y}";
            if (x.Sequence is not { } s || y.Sequence is not { } t) continue;
            if (s.Items.Count != t.Items.Count) return $"{x} and {y}";
            for (var k = 0; k < s.Items.Count; k++)
                if (First(s.Items[k], t.Items[k]) is { Length: > 0 } difference) return $"{x.Tag}[{k + 1}]: {difference}";
        }

        return "";
    }
}
