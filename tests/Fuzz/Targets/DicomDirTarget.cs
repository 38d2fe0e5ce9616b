using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>DICOMDIR: a tree without cycles, every record in it once at most, whatever the offsets say.</summary>
public sealed class DicomDirTarget : DicomTarget
{
    public override string Name => "dicomdir";

    public override long Run(byte[] input, Random random)
    {
        var file = DicomFile.Read(input, Options(random) with { MaxInlineBytes = long.MaxValue });
        var directory = DicomDir.Read(file.Dataset);
        FuzzFailure.Unless(directory.All.Count == file.Dataset.GetItems(DicomTags.DirectoryRecordSequence).Count, "records were lost");
        var seen = new HashSet<DirectoryRecord>(ReferenceEqualityComparer.Instance);
        var open = new Stack<DirectoryRecord>(directory.Roots);
        while (open.TryPop(out var record))
        {
            FuzzFailure.Unless(seen.Add(record), "a record has two parents");
            foreach (var child in record.Children) open.Push(child);
        }

        return Behaviour.Add(Behaviour.Magnitude(Behaviour.Magnitude(Behaviour.Start, directory.All.Count), seen.Count), directory.Files.Count());
    }
}
