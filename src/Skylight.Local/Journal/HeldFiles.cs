using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Skylight.Local.Journal;

/// <summary>
/// Drained files that no folder lists any more, open for those who still read what a merge has replaced: a day's worth of replaced objects, which would cost a file and two
/// fsyncs each to move out, only to be deleted. A restart, after which nobody reads them, leaves nothing of them. Guarded by the journal's index lock.
/// </summary>
internal sealed class HeldFiles : IDisposable
{
    /// <summary>By a digest of the name: there may be very many, and a name takes three times as much memory.</summary>
    private readonly Dictionary<UInt128, (Held Held, long Offset, int Length)> _places = [];
    private readonly LinkedList<Held> _files = [];

    /// <summary>On the disk, the objects of these files that are not held included.</summary>
    public long Bytes { get; private set; }

    public int Count => _places.Count;

    public void Add(JournalFile file, IEnumerable<(string Name, JournalPlace Place)> objects)
    {
        var held = new Held(file);
        foreach (var (name, place) in objects)
            if (_places.TryAdd(Digest(name), (held, place.Offset, place.Length))) held.Left++;
        if (held.Left == 0)
        {
            file.Dispose();
            return;
        }

        held.Node = _files.AddLast(held);
        Bytes += file.Length;
    }

    public JournalPlace? Find(string name) =>
        _places.Count > 0 && _places.TryGetValue(Digest(name), out var place) ? new JournalPlace(place.Held.File, place.Offset, place.Length) : null;

    public bool Remove(string name)
    {
        if (_places.Count == 0 || !_places.Remove(Digest(name), out var place)) return false;
        if (--place.Held.Left == 0) Close(place.Held);
        return true;
    }

    public bool RemoveOldest()
    {
        if (_files.First is not { Value: var oldest }) return false;
        foreach (var (digest, place) in _places)
            if (place.Held == oldest) _places.Remove(digest);
        Close(oldest);
        return true;
    }

    public void Dispose()
    {
        foreach (var held in _files) held.File.Dispose();
        _files.Clear();
        _places.Clear();
        Bytes = 0;
    }

    private static UInt128 Digest(string name)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(name.AsSpan()), digest);
        return BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }

    private void Close(Held held)
    {
        _files.Remove(held.Node!);
        Bytes -= held.File.Length;
        held.File.Dispose();
    }

    private sealed class Held(JournalFile file)
    {
        public JournalFile File => file;

        public LinkedListNode<Held>? Node { get; set; }

        public int Left { get; set; }
    }
}
