using System.Text.RegularExpressions;

namespace Skylight.Edge.Tests.FunctionsApi;

/// <summary>
/// The inventory of the genuine API: C# declarations in Markdown code blocks, each type after a line <c>// Namespace  [Assembly]</c>. Members are
/// kept in a plain form (no attributes, nullable marks, defaults or accessibility) that reflection can produce as well.
/// </summary>
internal sealed partial class Inventory
{
    private readonly Dictionary<string, InventoryType> _types = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, InventoryType> Types => _types;

    public static Inventory Parse(string markdown)
    {
        var inventory = new Inventory();
        string? space = null;
        InventoryType? type = null;
        foreach (var raw in markdown.Split('\n'))
        {
            var line = raw.Trim();
            if (NamespaceLine().Match(raw) is { Success: true } named)
            {
                (space, type) = (named.Groups[1].Value, null);
            }
            else if (space is not null && DelegateLine().Match(raw) is { Success: true } callable)
            {
                inventory._types[Key(space, callable.Groups[2].Value)] = new InventoryType("delegate", [Plain($"{callable.Groups[1].Value} {callable.Groups[2].Value}{callable.Groups[3].Value}")]);
            }
            else if (space is not null && type is null && TypeLine().Match(raw) is { Success: true } declared)
            {
                var name = declared.Groups[2].Value;
                type = inventory._types.TryGetValue(Key(space, name), out var known) ? known : new InventoryType(declared.Groups[1].Value, []);
                inventory._types[Key(space, name)] = type;
            }
            else if (raw.StartsWith('}') || raw.StartsWith("```", StringComparison.Ordinal))
            {
                type = null;
                if (raw.StartsWith("```", StringComparison.Ordinal)) space = null;
            }
            else if (type is not null && line.Length > 1 && line[0] != '{')
            {
                type.Members.Add(Plain(line));
            }
        }

        return inventory;
    }

    /// <summary>The key of a type; generic ones carry their parameters' number.</summary>
    public static string Key(string space, string name)
    {
        var angle = name.IndexOf('<', StringComparison.Ordinal);
        return angle < 0 ? $"{space}.{name}" : $"{space}.{name[..angle]}`{name.Count(c => c == ',') + 1}";
    }

    /// <summary>A declaration as written, in the plain form.</summary>
    public static string Plain(string line)
    {
        line = Attribute().Replace(line, "");
        line = DefaultValue().Replace(line.TrimEnd(';', ','), m => m.Groups[1].Value);
        line = Access().Replace(line, "").Replace("?", "", StringComparison.Ordinal);
        line = ParameterWords().Replace(line, "$1");
        if (line.IndexOf(" where ", StringComparison.Ordinal) is > 0 and var where) line = line[..where];
        return Spaces().Replace(line, " ").Trim();
    }

    [GeneratedRegex(@"^// ([A-Za-z.]+)  \[")]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^public (?:abstract |sealed |static |readonly )*(class|struct|record|interface|enum) ([A-Za-z.]+(?:<[^>(]+>)?)")]
    private static partial Regex TypeLine();

    [GeneratedRegex(@"^public delegate (?:class |struct )?(\S+) (\w+)(\(.*\));")]
    private static partial Regex DelegateLine();

    [GeneratedRegex(@"\[[A-Z][A-Za-z]*(?:\([^\]]*\))?\] ?")]
    private static partial Regex Attribute();

    [GeneratedRegex(@" = (?:""[^""]*""|[^,();]+)([,);]|$)")]
    private static partial Regex DefaultValue();

    [GeneratedRegex(@"\b(?:public|protected|internal|readonly|const|override|sealed) ")]
    private static partial Regex Access();

    [GeneratedRegex(@"([(,] ?)(?:this|params|out|in) ")]
    private static partial Regex ParameterWords();

    [GeneratedRegex(" +")]
    private static partial Regex Spaces();
}

/// <param name="Kind">class, struct, record, interface, enum or delegate.</param>
internal sealed record InventoryType(string Kind, HashSet<string> Members);
