using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Skylight.Core.Audit;
using Skylight.Core.Documents;

namespace Skylight.Local.Audit;

/// <summary>
/// Anchors in a folder that may lie on another volume than the trail: for each institution <c>CODE.head.json</c>, the newest head, replaced
/// about once a second while entries arrive, and <c>CODE.anchors.jsonl</c>, appended every ten minutes and whenever a head was found missing.
/// An anchor is written only after its entry is durable, so a crash never leaves an anchor without its entry.
/// </summary>
public sealed class AnchorFiles(string folder)
{
    private readonly ConcurrentDictionary<string, Lock> _locks = new(StringComparer.Ordinal);

    /// <summary>All anchors of an institution, oldest first.</summary>
    public IReadOnlyList<AuditAnchor> Read(string institution)
    {
        lock (Lock(institution))
        {
            // A last line without its end is an append that a crash cut short.
            var lines = File.Exists(LogPath(institution)) ? File.ReadAllText(LogPath(institution)).Split('\n')[..^1] : [];
            List<AuditAnchor> anchors = [.. lines.Select(l => Parse(institution, l))];
            if (File.Exists(HeadPath(institution))) anchors.Add(Parse(institution, File.ReadAllText(HeadPath(institution))));
            return anchors;
        }
    }

    public void WriteHead(AuditAnchor anchor)
    {
        lock (Lock(anchor.Institution))
        {
            Directory.CreateDirectory(folder);
            var temporary = HeadPath(anchor.Institution) + ".new";
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                // On disk before it has its name: half an anchor after a power cut would look like a forged one.
                file.Write(Encoding.UTF8.GetBytes(Text(anchor)));
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, HeadPath(anchor.Institution), overwrite: true);
        }
    }

    public void Append(AuditAnchor anchor)
    {
        lock (Lock(anchor.Institution))
        {
            Directory.CreateDirectory(folder);
            using var file = new FileStream(LogPath(anchor.Institution), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            var end = file.Length;
            while (end > 0 && ByteAt(file, end - 1) != '\n') end--;
            file.SetLength(end);
            file.Position = end;
            file.Write(Encoding.UTF8.GetBytes(Text(anchor) + "\n"));
            file.Flush(flushToDisk: true);
        }
    }

    private static int ByteAt(FileStream file, long position)
    {
        file.Position = position;
        return file.ReadByte();
    }

    private static string Text(AuditAnchor anchor) => JsonSerializer.Serialize(anchor, DocumentJson.Options);

    // A line that cannot be read counts as an anchor that is not genuine: verification reports it.
    private static AuditAnchor Parse(string institution, string text)
    {
        var unreadable = new AuditAnchor(1, institution, 0, "", DateTimeOffset.UnixEpoch, "");
        try
        {
            return JsonSerializer.Deserialize<AuditAnchor>(text, DocumentJson.Options) is { Mac: not null, Hash: not null, Institution: not null } anchor ? anchor : unreadable;
        }
        catch (JsonException)
        {
            return unreadable;
        }
    }

    private Lock Lock(string institution) => _locks.GetOrAdd(institution, _ => new Lock());

    private string HeadPath(string institution) => FilePath(institution, "head.json");

    private string LogPath(string institution) => FilePath(institution, "anchors.jsonl");

    private string FilePath(string institution, string ending) => institution.Length is > 0 and <= 32 && institution.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')
        ? Path.Combine(folder, $"{institution}.{ending}")
        : throw new ArgumentException("Not an institution code.", nameof(institution));
}
