using System.Runtime.CompilerServices;
using System.Text.Json;
using Skylight.Archive;
using Skylight.Core.Documents;

namespace Skylight.Core.Uploads;

/// <summary>One line of a manifest: what a client says about one blob.</summary>
/// <param name="Name">The blob's name.</param>
/// <param name="Path">The file's path at the client. A label for reports and for DICOMDIR references; it never becomes a path here.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">SHA-256 of the content, 64 hexadecimal digits.</param>
public sealed record ManifestEntry(string Name, string? Path = null, long? Size = null, string? Sha256 = null);

/// <summary>A manifest that cannot be taken. The message names the entry's position and field, never its values.</summary>
public sealed class ManifestException(string message) : Exception(message);

/// <summary>Reads a manifest as a stream and keeps it in pages until the content is frozen.</summary>
internal sealed class UploadManifest(IDocuments documents)
{
    private const int MaxNameChars = 1_024;
    private const int MaxPathChars = 4_096;
    private readonly Pages<ManifestEntry> _pages = new(documents, "upload-manifest");

    /// <summary>Stores the manifest. Null when it has no entry at all (or no content).</summary>
    /// <exception cref="ManifestException">Not a JSON array of entries, a field out of bounds, or too long.</exception>
    public async ValueTask<PageSet?> SaveAsync(string institution, string uploadId, Stream json, int maxBytes, int maxEntries, CancellationToken cancellationToken)
    {
        var writer = _pages.Write(institution, uploadId);
        try
        {
            await foreach (var entry in ParseAsync(json, maxBytes, maxEntries, cancellationToken))
                await writer.AddAsync(entry, 160 + 3 * (entry.Name.Length + (entry.Path?.Length ?? 0)), cancellationToken);
            var set = await writer.FinishAsync(cancellationToken);
            return set.Count == 0 ? null : set;
        }
        catch
        {
            await writer.AbandonAsync();
            throw;
        }
    }

    /// <summary>The stored manifest by blob name; of entries with the same name the last one counts.</summary>
    public async ValueTask<Dictionary<string, ManifestEntry>> LoadAsync(string institution, PageSet? set, CancellationToken cancellationToken)
    {
        var entries = new Dictionary<string, ManifestEntry>(StringComparer.Ordinal);
        for (var i = 0; i < (set?.Count ?? 0); i++)
            foreach (var entry in await _pages.ReadAsync(institution, set!, i, cancellationToken)) entries[entry.Name] = entry;
        return entries;
    }

    public ValueTask DeleteAsync(string institution, PageSet? set, CancellationToken cancellationToken) => _pages.DeleteAsync(institution, set, cancellationToken);

    public ValueTask DeleteAllAsync(string institution, string uploadId, CancellationToken cancellationToken) => _pages.DeleteAllAsync(institution, uploadId, cancellationToken);

    private static async IAsyncEnumerable<ManifestEntry> ParseAsync(Stream json, int maxBytes, int maxEntries, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var bounded = new BoundedStream(json, maxBytes);
        if (await bounded.IsEmptyAsync(cancellationToken)) yield break;
        await using var entries = JsonSerializer.DeserializeAsyncEnumerable<ManifestEntry>(bounded, DocumentJson.Options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        for (var index = 0; ; index++)
        {
            try
            {
                if (!await entries.MoveNextAsync()) yield break;
            }
            catch (JsonException)
            {
                throw new ManifestException($"The manifest is not a JSON array of entries (entry {index}).");
            }

            if (index >= maxEntries) throw new ManifestException($"The manifest has more than {maxEntries} entries.");
            yield return Check(entries.Current, index);
        }
    }

    private static ManifestEntry Check(ManifestEntry? entry, int index)
    {
        if (entry is null || string.IsNullOrEmpty(entry.Name) || entry.Name.Length > MaxNameChars || HasControl(entry.Name))
            throw new ManifestException($"Entry {index}: 'name' must be a blob name of 1 to {MaxNameChars} characters.");
        if (entry.Path is { } path && (path.Length > MaxPathChars || HasControl(path)))
            throw new ManifestException($"Entry {index}: 'path' must have at most {MaxPathChars} characters and no control characters.");
        if (entry.Size < 0) throw new ManifestException($"Entry {index}: 'size' must not be negative.");
        if (string.IsNullOrEmpty(entry.Sha256)) return entry with { Sha256 = null };
        if (entry.Sha256.Length != 64 || !entry.Sha256.All(char.IsAsciiHexDigit)) throw new ManifestException($"Entry {index}: 'sha256' must be 64 hexadecimal digits.");
        return entry with { Sha256 = entry.Sha256.ToLowerInvariant() };
    }

    private static bool HasControl(string text) => text.Any(char.IsControl);

    /// <summary>Ends with <see cref="ManifestException"/> past its limit, so that a manifest cannot occupy the host for hours.</summary>
    private sealed class BoundedStream(Stream inner, int limit) : ReadOnlyStream
    {
        private readonly byte[] _first = new byte[1];
        private int _pending;
        private int _read;

        public override long Position { get => _read; set => throw new NotSupportedException(); }

        /// <summary>Whether the stream has no byte; reads one ahead and gives it back to the first read.</summary>
        public async ValueTask<bool> IsEmptyAsync(CancellationToken cancellationToken) => (_pending = await inner.ReadAsync(_first, cancellationToken)) == 0;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.IsEmpty) return 0;
            int read;
            if (_pending > 0)
            {
                buffer.Span[0] = _first[0];
                (read, _pending) = (1, 0);
            }
            else
            {
                read = await inner.ReadAsync(buffer, cancellationToken);
            }

            _read += read;
            return _read <= limit ? read : throw new ManifestException($"The manifest has more than {limit} bytes.");
        }
    }
}
