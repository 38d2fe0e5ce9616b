using DictionaryGenerator;

// skylight-dictionary FOLDER [--check]: writes the C# tables from FOLDER/*.tsv, or says which of them are out of date.
if (args.Length is 0 or > 2 || (args.Length == 2 && args[1] != "--check"))
{
    Console.Error.WriteLine("usage: skylight-dictionary FOLDER [--check]");
    return 2;
}

var folder = args[0];
var check = args.Length == 2;
var elements = ElementRow.Load(Path.Combine(folder, "elements.tsv"));
var uids = UidRow.Load(Path.Combine(folder, "uids.tsv"));
(string File, string Text)[] outputs =
[
    ("DicomTags.g.cs", TagsFile.Write(elements)),
    ("DicomUids.g.cs", UidsFile.Write(uids)),
    ("DictionaryTables.g.cs", TablesFile.Write(elements)),
];
var stale = 0;
foreach (var (file, text) in outputs)
{
    var path = Path.Combine(folder, file);
    if (File.Exists(path) && File.ReadAllText(path) == text) continue;
    if (check)
    {
        Console.Error.WriteLine($"{path} is out of date: run ./dev gen");
        stale++;
    }
    else
    {
        File.WriteAllText(path, text);
        Console.WriteLine($"wrote {path}");
    }
}

return stale == 0 ? 0 : 1;
