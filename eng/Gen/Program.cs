using Gen;

// gen [--check]: writes the checked-in C# tables (src/Skylight.Dicom/Dictionary, src/Skylight.Core/Catalog/Pinyin) from the *.tsv beside them, or says
// which of them are out of date.
if (args.Length > 1 || (args.Length == 1 && args[0] != "--check"))
{
    Console.Error.WriteLine("usage: gen [--check]");
    return 2;
}

var root = new DirectoryInfo(AppContext.BaseDirectory);
while (root is not null && !File.Exists(Path.Combine(root.FullName, "Serverless.sln"))) root = root.Parent;
if (root is null)
{
    Console.Error.WriteLine("gen: the repository was not found around the program");
    return 2;
}

var folder = Path.Combine(root.FullName, "src", "Skylight.Dicom", "Dictionary");
var pinyin = Path.Combine(root.FullName, "src", "Skylight.Core", "Catalog", "Pinyin");
var check = args.Length == 1;
var elements = ElementRow.Load(Path.Combine(folder, "elements.tsv"));
var uids = UidRow.Load(Path.Combine(folder, "uids.tsv"));
(string Path, string Text)[] outputs =
[
    (Path.Combine(folder, "DicomTags.g.cs"), TagsFile.Write(elements)),
    (Path.Combine(folder, "DicomUids.g.cs"), UidsFile.Write(uids)),
    (Path.Combine(folder, "DictionaryTables.g.cs"), TablesFile.Write(elements)),
    (Path.Combine(pinyin, "PinyinTable.g.cs"), PinyinFile.Write(Path.Combine(pinyin, "pinyin.tsv"), Path.Combine(pinyin, "simplified.tsv"))),
];
var stale = 0;
foreach (var (path, text) in outputs)
{
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
