using System.Buffers.Binary;
using System.Text;

namespace Skylight.Torture;

/// <summary>What the host did to a file or folder. The numbers are the recorder's.</summary>
internal enum FileOperation : byte
{
    Open = 1,
    Write,
    Truncate,
    SyncBegin,
    SyncEnd,
    Rename,
    Link,
    Unlink,
    MakeFolder,
    RemoveFolder,
}

/// <param name="Id">The opened file.</param>
/// <param name="A">Offset of a write, new length, or the flags of an open.</param>
internal sealed record Operation(FileOperation Kind, int Error, ulong Id, long A, byte[] Payload)
{
    public string Path => Encoding.UTF8.GetString(Payload);

    public (string From, string To) Paths => Path.Split('\0') is [var from, var to] ? (from, to) : throw new InvalidDataException("A record of two paths has not two.");
}

/// <summary>Reads the recorder's file. A record cut short by the kill was never finished, and ends it.</summary>
internal static class OperationLog
{
    private const int HeadBytes = 24;

    public static IEnumerable<Operation> Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 20);
        var head = new byte[HeadBytes];
        while (file.ReadAtLeast(head, HeadBytes, throwOnEndOfStream: false) == HeadBytes)
        {
            var payload = new byte[BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4))];
            if (file.ReadAtLeast(payload, payload.Length, throwOnEndOfStream: false) != payload.Length) yield break;
            yield return new Operation(
                (FileOperation)head[0], head[1], BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(8)), BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(16)), payload);
        }
    }
}
