using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using Skylight.Archive.Objects;
using Skylight.Core.Documents;

namespace Skylight.Core.Keys.Backup;

/// <summary>Records in objects of some megabytes, so that neither writing nor reading holds more than one in memory.</summary>
internal static class RecordFiles
{
    private const int CutBytes = 4 << 20;

    public static async Task<IReadOnlyList<RecordFile>> WriteAsync<T>(IObjectStore store, string folder, string kind, IAsyncEnumerable<T> items, CancellationToken cancellationToken)
    {
        var files = new List<RecordFile>();
        var buffer = new ArrayBufferWriter<byte>();
        var records = 0;
        await foreach (var item in items.WithCancellation(cancellationToken))
        {
            using (var json = new Utf8JsonWriter(buffer)) JsonSerializer.Serialize(json, item, DocumentJson.Options);
            buffer.Write("\n"u8);
            records++;
            if (buffer.WrittenCount >= CutBytes) await CutAsync();
        }

        if (records > 0) await CutAsync();
        return files;

        async Task CutAsync()
        {
            var name = $"{folder}/{files.Count:d6}.{kind}";
            await StoreAsync(store, name, buffer.WrittenMemory, cancellationToken);
            files.Add(new RecordFile(name, kind, records, buffer.WrittenCount, Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan))));
            buffer.ResetWrittenCount();
            records = 0;
        }
    }

    /// <exception cref="KeyBackupException">The object is not the one that was written.</exception>
    public static async IAsyncEnumerable<T> ReadAsync<T>(IObjectStore store, RecordFile file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var bytes = await LoadAsync(store, file.Name, cancellationToken);
        if (bytes is null || Convert.ToHexStringLower(SHA256.HashData(bytes)) != file.Sha256) throw new KeyBackupException($"The object {file.Name} of the key backup is missing or damaged.");
        for (var start = 0; start < bytes.Length;)
        {
            var length = bytes.AsSpan(start).IndexOf((byte)'\n');
            yield return JsonSerializer.Deserialize<T>(bytes.AsSpan(start, length), DocumentJson.Options) ?? throw new KeyBackupException($"The object {file.Name} of the key backup has an empty record.");
            start += length + 1;
        }
    }

    public static async Task StoreAsync(IObjectStore store, string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await using var writer = await store.CreateAsync(name, cancellationToken);
        await writer.WriteAsync(bytes, cancellationToken);
        await writer.CommitAsync(cancellationToken);
    }

    /// <summary>Null when there is no such object.</summary>
    public static async Task<byte[]?> LoadAsync(IObjectStore store, string name, CancellationToken cancellationToken)
    {
        if (await store.GetLengthAsync(name, cancellationToken) is not { } length) return null;
        var bytes = new byte[checked((int)length)];
        for (var read = 0; read < bytes.Length;)
        {
            var count = await store.ReadAsync(name, read, bytes.AsMemory(read), cancellationToken);
            if (count == 0) throw new KeyBackupException($"The object {name} of the key backup is shorter than it says.");
            read += count;
        }

        return bytes;
    }
}
