namespace Skylight.Torture;

/// <summary>A file as the disk has it, and what has been written to it since and may or may not have reached the disk.</summary>
internal sealed class DiskFile
{
    private const int Sector = 512;

    private readonly List<Pending> _pending = [];
    private string? _source;
    private byte[] _content = [];
    private long _next = 1;

    /// <summary>Bytes on the disk for sure.</summary>
    public int Length { get; private set; }

    /// <summary>A file that is on the disk from the beginning.</summary>
    public static DiskFile Of(string path) => new() { _source = path };

    /// <summary>Where the same bytes lie already; null once something was done to the file.</summary>
    public string? Source => _source;

    /// <summary>Everything done so far has a lower number.</summary>
    public long Mark => _next;

    public void Write(long offset, byte[] bytes)
    {
        Load();
        _pending.Add(new Pending(_next++, checked((int)offset), bytes, null));
    }

    public void Truncate(long length)
    {
        Load();
        _pending.Add(new Pending(_next++, 0, null, checked((int)length)));
    }

    /// <summary>An fsync that began at <paramref name="mark"/> succeeded: what came before is on the disk.</summary>
    public void Synced(long mark)
    {
        foreach (var done in _pending.Where(item => item.Number < mark && !item.Doubtful).ToArray())
        {
            // What an earlier, failed fsync left in doubt is over where something newer is certain.
            _pending.RemoveAll(item => item.Doubtful && item.Number < done.Number && item.Overlaps(done));
            Apply(done);
        }

        _pending.RemoveAll(item => item.Number < mark && !item.Doubtful);
    }

    /// <summary>An fsync failed: the kernel may have dropped those pages and call them clean, so no later fsync proves anything about them.</summary>
    public void SyncFailed(long mark)
    {
        for (var i = 0; i < _pending.Count; i++)
            if (_pending[i].Number < mark) _pending[i] = _pending[i] with { Doubtful = true };
    }

    /// <summary>The content after a power cut: each sector as some moment since the last fsync left it, the length likewise.</summary>
    public byte[] Cut(Random random)
    {
        if (_pending.Count == 0 || random.Next(8) == 0) return _content.AsSpan(0, Length).ToArray();
        var lengths = new List<int> { Length };
        var length = Length;
        foreach (var item in _pending) lengths.Add(length = item.Length ?? Math.Max(length, item.Offset + item.Bytes!.Length));
        var final = random.Next(4) == 0 ? lengths[^1] : lengths[random.Next(lengths.Count)];
        var result = new byte[final];
        _content.AsSpan(0, Math.Min(final, Length)).CopyTo(result);
        var everything = random.Next(4) == 0;
        var moments = new Dictionary<int, int>();
        for (var i = 0; i < _pending.Count; i++)
        {
            var item = _pending[i];
            if (item.Bytes is null)
            {
                if (item.Length < result.Length && random.Next(2) == 0) result.AsSpan(item.Length!.Value).Clear();
                continue;
            }

            for (var at = item.Offset; at < item.Offset + item.Bytes.Length && at < final;)
            {
                var sector = at / Sector;
                var end = Math.Min(Math.Min((sector + 1) * Sector, item.Offset + item.Bytes.Length), final);
                if (!moments.TryGetValue(sector, out var moment)) moments[sector] = moment = everything ? int.MaxValue : random.Next(_pending.Count + 1);
                if (i < moment) item.Bytes.AsSpan(at - item.Offset, end - at).CopyTo(result.AsSpan(at));
                at = end;
            }
        }

        return result;
    }

    private void Load()
    {
        if (_source is null) return;
        _content = File.ReadAllBytes(_source);
        Length = _content.Length;
        _source = null;
    }

    private void Apply(Pending item)
    {
        if (item.Length is { } length)
        {
            Reserve(length);
            if (length < Length) _content.AsSpan(length, Length - length).Clear();
            Length = length;
            return;
        }

        var end = item.Offset + item.Bytes!.Length;
        Reserve(end);
        item.Bytes.CopyTo(_content.AsSpan(item.Offset));
        Length = Math.Max(Length, end);
    }

    private void Reserve(int length)
    {
        if (length > _content.Length) Array.Resize(ref _content, Math.Max(length, Math.Min(_content.Length * 2, int.MaxValue / 2)));
    }

    private sealed record Pending(long Number, int Offset, byte[]? Bytes, int? Length, bool Doubtful = false)
    {
        public bool Overlaps(Pending other) =>
            Bytes is null || other.Bytes is null || (Offset < other.Offset + other.Bytes.Length && other.Offset < Offset + Bytes.Length);
    }
}
