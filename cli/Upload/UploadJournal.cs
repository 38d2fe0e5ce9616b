using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Skylight.Cli.Upload;

/// <summary>
/// What this machine remembers of an unfinished upload: the key that opens the same session again, and which files have arrived, with their
/// digests. It holds no address that would let anyone upload. One file for a host and folder, in <c>$XDG_STATE_HOME/skylight/uploads</c>.
/// </summary>
internal sealed class UploadJournal : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly string _path;
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private StreamWriter? _writer;

    private UploadJournal(string path) => _path = path;

    /// <summary>Random; it opens the session (Idempotency-Key) and makes the blobs' names opaque.</summary>
    public string Key { get; private set; } = "";

    /// <summary>Length of the session that was asked for; the same key must come with the same request.</summary>
    public int? Days { get; private set; }

    /// <summary>Whether an earlier run left it.</summary>
    public bool Resumed { get; private set; }

    public static UploadJournal Open(Uri host, string folder, int? days, bool fresh)
    {
        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        var directory = Path.Combine(state, "skylight", "uploads");
        Directory.CreateDirectory(directory, Private | UnixFileMode.UserExecute);
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{host}\n{Path.GetFullPath(folder)}")))[..32];
        var journal = new UploadJournal(Path.Combine(directory, name + ".jsonl"));
        if (fresh) File.Delete(journal._path);
        journal.Load();
        if (!journal.Resumed) journal.Begin(days);
        else journal.Append();
        return journal;
    }

    /// <summary>Forgets the session (it has ended) and begins another one.</summary>
    public void Restart(int? days)
    {
        _writer?.Dispose();
        _lines.Clear();
        Begin(days);
    }

    /// <summary>The blob's name for a file: opaque, and the same in every run of this session.</summary>
    public string NameOf(UploadFile file) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.ASCII.GetBytes(Key), Encoding.UTF8.GetBytes(file.Path)))[..32];

    /// <summary>Digest of a file that has arrived as it is now; null when it has not, or was changed since.</summary>
    public string? DigestOf(UploadFile file) =>
        _lines.TryGetValue(NameOf(file), out var line) && line.Size == file.Length && line.Modified == file.Modified ? line.Sha256 : null;

    /// <summary>Notes that the host has acknowledged the whole file.</summary>
    public void Arrived(UploadFile file, string sha256)
    {
        lock (_lock)
        {
            _writer!.WriteLine(JsonSerializer.Serialize(new Line(NameOf(file), file.Length, file.Modified, sha256), JsonText.Options));
            _writer.Flush();
        }
    }

    public void Delete()
    {
        Dispose();
        File.Delete(_path);
    }

    public void Dispose()
    {
        _writer?.Dispose();
        _writer = null;
    }

    private void Load()
    {
        if (!File.Exists(_path)) return;
        var lines = File.ReadAllLines(_path);
        if (lines.Length == 0 || !lines[0].StartsWith("key ", StringComparison.Ordinal)) return;
        var head = lines[0].Split(' ');
        if (head.Length != 3) return;
        Key = head[1];
        Days = int.TryParse(head[2], NumberStyles.None, CultureInfo.InvariantCulture, out var days) ? days : null;
        Resumed = true;
        foreach (var text in lines.Skip(1))
        {
            try
            {
                if (JsonSerializer.Deserialize<Line>(text, JsonText.Options) is { Name: { } name } line) _lines[name] = line;
            }
            catch (JsonException)
            {
                // The last line of a run that was killed; its file is sent again.
                break;
            }
        }
    }

    private void Begin(int? days)
    {
        Resumed = false;
        Days = days;
        Key = RandomNumberGenerator.GetHexString(32, lowercase: true);
        File.Delete(_path);
        Append();
        _writer!.WriteLine(string.Create(CultureInfo.InvariantCulture, $"key {Key} {(days is { } length ? length : "-")}"));
        _writer.Flush();
    }

    private void Append() =>
        _writer = new StreamWriter(new FileStream(_path, new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.Read, UnixCreateMode = Private }));

    private sealed record Line(string Name, long Size, long Modified, string Sha256);
}
