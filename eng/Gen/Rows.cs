using System.Globalization;

namespace Gen;

/// <summary>One line of elements.tsv: tag (x = any digit), VR alternatives, VM, keyword, name, retired.</summary>
internal sealed record ElementRow(string Tag, string[] Vrs, string Vm, string Keyword, string Name, bool Retired)
{
    public bool IsRepeating => Tag.Contains('x', StringComparison.Ordinal);

    /// <summary>The tag with 0 for every x.</summary>
    public uint Base => uint.Parse(Tag.Replace('x', '0'), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>F for fixed digits, 0 for x.</summary>
    public uint Mask => uint.Parse(string.Concat(Tag.Select(c => c == 'x' ? '0' : 'F')), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    public static IReadOnlyList<ElementRow> Load(string path)
    {
        var rows = new List<ElementRow>();
        foreach (var line in File.ReadLines(path).Where(l => l.Length > 0 && l[0] != '#'))
        {
            var f = line.Split('\t');
            if (f.Length is < 5 or > 6 || f[0].Length != 8) throw new InvalidDataException($"{path}: {line}");
            rows.Add(new ElementRow(f[0], f[1].Split('|'), f[2], f[3], f[4], f.Length == 6 && f[5] == "R"));
        }

        var twice = rows.GroupBy(r => r.Keyword).Concat(rows.GroupBy(r => r.Tag)).FirstOrDefault(g => g.Count() > 1);
        if (twice is not null) throw new InvalidDataException($"{path}: {twice.Key} occurs twice");
        return rows;
    }
}

/// <summary>One line of uids.tsv: UID, kind, keyword, name, retired.</summary>
internal sealed record UidRow(string Uid, string Kind, string Keyword, string Name, bool Retired)
{
    public static IReadOnlyList<UidRow> Load(string path) =>
        [.. File.ReadLines(path).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('\t'))
            .Select(f => new UidRow(f[0], f[1], f[2], f[3], f.Length == 5 && f[4] == "R"))];
}
