using Skylight.Core.Audit;

namespace Skylight.Local.Audit;

/// <summary>The newest entry of one chain as this process knows it. Only the writer extends it, one entry at a time.</summary>
internal sealed class ChainHead(string institution, long sequence, byte[] hash, byte[] key)
{
    private readonly Lock _lock = new();
    private long _sequence = sequence;
    private byte[] _hash = hash;
    private long _inFile = sequence;
    private long _inLog = sequence;

    // The newest entry that lies in the journal; the writer's own.
    private long _nextSequence = sequence;
    private byte[] _nextHash = hash;

    public string Institution => institution;

    public byte[] Key => key;

    /// <summary>The place of the next entry.</summary>
    public (long Sequence, byte[] Previous, byte[] Hash) Extend(ReadOnlySpan<byte> body)
    {
        var previous = _nextHash;
        _nextSequence++;
        _nextHash = AuditChain.Hash(previous, institution, _nextSequence, body);
        return (_nextSequence, previous, _nextHash);
    }

    /// <summary>Everything up to this entry is in <c>audit.db</c>: from here on anchors may name it.</summary>
    public void Commit(long sequence, byte[] hash)
    {
        lock (_lock) (_sequence, _hash) = (sequence, hash);
    }

    public bool TakeForFile(out (long Sequence, byte[] Hash, byte[] Key) head) => Take(ref _inFile, out head);

    public bool TakeForLog(out (long Sequence, byte[] Hash, byte[] Key) head) => Take(ref _inLog, out head);

    private bool Take(ref long written, out (long Sequence, byte[] Hash, byte[] Key) head)
    {
        lock (_lock)
        {
            head = (_sequence, _hash, key);
            if (written == _sequence) return false;
            written = _sequence;
            return true;
        }
    }
}
