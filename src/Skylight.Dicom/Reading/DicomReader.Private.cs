using System.Text;

namespace Skylight.Dicom;

/// <summary>Which creator has reserved which private block, where a dictionary of private elements is in use.</summary>
public sealed partial class DicomReader
{
    private Dictionary<(int Depth, ushort Group, byte Block), string>? _creators;

    /// <summary>A private creator of the dataset or item that is open. Sinks that skip or stream creators do without.</summary>
    private void Creator(ReadOnlySpan<byte> value)
    {
        if (value.Length > 64) return;
        _creators ??= [];
        _creators[(_items, _current.Tag.Group, (byte)_current.Tag.Element)] = Encoding.Latin1.GetString(value).Trim(' ', '\0');
    }

    private Vr PrivateVr(DicomTag tag) =>
        tag.Element >= 0x1000 && _creators!.TryGetValue((_items, tag.Group, (byte)(tag.Element >> 8)), out var creator) ? _options.PrivateDictionary!.VrOf(creator, tag) : Vr.UN;

    /// <summary>A new item reserves its own blocks.</summary>
    private void ForgetCreators()
    {
        if (_creators is null) return;
        foreach (var key in _creators.Keys.Where(k => k.Depth >= _items).ToList()) _creators.Remove(key);
    }
}
